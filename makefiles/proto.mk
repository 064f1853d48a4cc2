# The contract: lint, format, compatibility, generated code.
.PHONY: proto proto-check
proto: $(SETUP_TEST) ## generate proto/python/padan/v1 from proto/padan/v1
	@PYTHON=$(BIN)/python proto/generate

proto-check: $(SETUP_TEST) ## buf lint, format, breaking; generated code is current
	@BIN=$(BIN) proto/check
