# Static checks: style, types, import contracts, licences.
.PHONY: check lint format types mypy pyright imports licences containers
check: mypy pyright lint imports proto-check licences containers ## every static check

lint: $(SETUP_TEST) ## ruff: rules and format
	@echo "== lint: ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

format: $(SETUP_TEST) ## let ruff and buf format what is there
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .
	@cd proto && $(BIN)/buf format --write

types: mypy pyright ## mypy (strict) and pyright

mypy: $(SETUP_TEST) ## types, by mypy alone
	@echo "== types: mypy"
	@$(BIN)/mypy

pyright: $(SETUP_TEST) ## types, by pyright alone
	@echo "== types: pyright"
	@$(BIN)/pyright --warnings --pythonpath $(BIN)/python

imports: $(SETUP_TEST) ## who may import whom (import-linter)
	@echo "== imports: import-linter"
	@$(BIN)/lint-imports --no-cache | sed -n '/^Contracts\|^Broken\|KEPT\|BROKEN\|->/p'

licences: $(SETUP_TEST) ## licences of everything that ships
	@echo "== licences"
	@$(BIN)/python -m tests.house.licences

containers: $(SETUP_TEST) ## the Dockerfile, by hadolint, and the compose file, by Docker Compose's own reader
	@echo "== containers: hadolint, docker-compose config"
	@$(BIN)/hadolint deploy/Dockerfile
	@$(BIN)/docker-compose --file deploy/compose.yaml config --quiet
