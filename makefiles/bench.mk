# What a verification costs, as ratios to a bare gRPC echo and to a plain web service.
.PHONY: bench
bench: $(SETUP_BENCH) ## measure Verify against a bare echo, bare HMACs and a plain web service
	@makefiles/need util-linux taskset --version
	@echo "== bench"
	@$(BIN)/python -m bench.run $(ARGS)
