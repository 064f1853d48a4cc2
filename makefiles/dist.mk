# The two wheels and their sources.
.PHONY: dist
dist: $(SETUP_RUN) ## build both packages into dist/
	@rm -rf dist
	@echo "== dist: padan"
	@$(BIN)/python -m build --quiet --no-isolation --outdir dist proto/python >/dev/null
	@echo "== dist: padan-server"
	@$(BIN)/python -m build --quiet --no-isolation --outdir dist . >/dev/null
	@ls -l dist | awk 'NR > 1 { printf "  %9d  %s\n", $$5, $$NF }'
