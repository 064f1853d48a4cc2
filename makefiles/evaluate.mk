# How well names, NIKs and templates are told apart. Without DATA on what we make; with DATA on the files given.
.PHONY: evaluate
evaluate: $(SETUP_TEST) ## measure names, NIKs and biometric protection (DATA=DIR: on the data in DIR; ARGS="--only biometrics")
	@$(if $(DATA),test -d "$(DATA)" || { echo "error: DATA=$(DATA) is not a folder"; exit 1; })
	@echo "== evaluate"
	@$(BIN)/python -m bench.evaluate $(if $(DATA),--data "$(DATA)") $(ARGS)
