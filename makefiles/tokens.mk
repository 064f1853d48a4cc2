# Tokens in the place of numbers: issue, rotation, update, conversion, aid that is given twice, an agency that ends.
TOKEN_ROWS ?= 100000

.PHONY: demo-tokens
demo-tokens: $(SETUP_RUN) ## play tokens at tax office, insurance and two aid programmes (TOKEN_ROWS=100000, up to 1000000)
	@echo "== demo-tokens: $(TOKEN_ROWS) rows of four agencies"
	@$(BIN)/python deploy/tokens/run.py --people $$(( $(TOKEN_ROWS) / 2 )) $(ARGS)
