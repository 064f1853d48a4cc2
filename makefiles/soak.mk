# The service at half load for a long time: memory, descriptors, and a log that is whole at the end.
MINUTES ?= 120

.PHONY: soak
soak: $(SETUP_TEST) ## run the service at half load for MINUTES=120, and see whether it grows or leaks
	@echo "== soak: $(MINUTES) minutes"
	@$(BIN)/python -m bench.soak --minutes $(MINUTES) $(ARGS)
