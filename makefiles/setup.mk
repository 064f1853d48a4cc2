# Set-up: the virtual environment, everything pinned by hash, both packages installed editable.
# One stamp a set of packages (named in the Makefile), so that a second run costs nothing.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PIP_INSTALL := $(PIP) install -qq --require-hashes --no-deps
SODIUM := libsodium23 # the package of the group's library; libsodium26 in later releases of Debian
GROUP := $(BIN)/python -c 'from padan import group; group.random_scalar()'

.PHONY: setup clean
setup: $(SETUP_RUN) $(SETUP_TEST) ## make the virtual environment with everything that `make test` needs

clean: ## remove the virtual environment, caches and built files; data in var/ stays
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@makefiles/need python3 "$(PYTHON)" --version
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "error: $(PYTHON) is older than 3.11; next: make PYTHON=/path/to/newer/python3"; exit 1; }
	@makefiles/need python3-venv "$(PYTHON)" -c 'import ensurepip, venv'
	@echo "== setup: $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(SETUP_RUN): requirements/build.txt requirements/server.txt pyproject.toml proto/python/pyproject.toml | $(STAMPS)/venv
	@echo "== setup: what the service needs (requirements/server.txt, pinned by hash; some 100 MB)"
	@$(PIP_INSTALL) -r requirements/build.txt -r requirements/server.txt
	@echo "== setup: padan and padan-server, editable"
	@$(PIP) install -qq --no-deps --no-build-isolation --editable proto/python --editable .
	@$(PIP) check
	@makefiles/need $(SODIUM) $(GROUP)
	@touch $@

$(SETUP_TEST): requirements/dev.txt $(SETUP_RUN)
	@makefiles/need git git --version
	@makefiles/need gcc cc --version
	@makefiles/need libc6-dev test -e /usr/include/stdio.h
	@makefiles/need systemd systemd-analyze --version
	@makefiles/need softhsm2 softhsm2-util --version
	@makefiles/need golang-go go version
	@makefiles/need golang-golang-x-mod-dev test -e /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog/tlog.go
	@echo "== setup: what lints, types and tests (requirements/dev.txt; some 250 MB)"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

$(SETUP_BENCH): requirements/bench.txt $(SETUP_TEST)
	@echo "== setup: what the benchmarks compare with (requirements/bench.txt)"
	@$(PIP_INSTALL) -r requirements/bench.txt
	@touch $@
