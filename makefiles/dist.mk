# The two wheels, their sources, and what they need, pinned by hash.
.PHONY: dist install-check
dist: $(SETUP_RUN) ## build both packages into dist/, with what they need (requirements.txt)
	@rm -rf dist
	@echo "== dist: padan"
	@$(BIN)/python -m build --quiet --no-isolation --outdir dist proto/python >/dev/null
	@echo "== dist: padan-server"
	@$(BIN)/python -m build --quiet --no-isolation --outdir dist . >/dev/null
	@cp requirements/server.txt dist/requirements.txt
	@ls -l dist | awk 'NR > 1 { printf "  %9d  %s\n", $$5, $$NF }'

install-check: $(SETUP_TEST) ## follow docs/install.md in a folder, from the wheels to a service that is ready
	@echo "== install-check"
	@$(PYTEST) -m long --timeout 900 tests/integration/test_install.py
