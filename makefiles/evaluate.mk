# How well names are matched and NIKs are read. Without DATA on pairs that we make; with DATA also on the files given.
.PHONY: evaluate
evaluate: $(SETUP_TEST) ## measure name matching and the NIK grammar (DATA=DIR: also on the data in DIR)
	@$(if $(DATA),test -d "$(DATA)" || { echo "error: DATA=$(DATA) is not a folder"; exit 1; })
	@echo "== evaluate"
	@$(BIN)/python -m bench.evaluate $(if $(DATA),--data "$(DATA)") $(ARGS)
