# Tests. A skipped test fails the run, so that nothing stays untested in silence.
PYTEST = $(BIN)/python -m pytest -p tests.house.no_skips

.PHONY: test pytest
test: $(SETUP_TEST) ## set up, then every static check and every test but the long ones
	@$(MAKE) -j2 -Otarget check
	@$(MAKE) pytest

pytest: $(SETUP_TEST) ## the tests alone (ARGS="-k name")
	@echo "== tests"
	@$(PYTEST) -m "not long" $(ARGS)
