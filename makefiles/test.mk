# Tests. A skipped test fails the run, so that nothing stays untested in silence.
PYTEST = $(BIN)/python -m pytest -p tests.house.no_skips

# What only computes shares the processors; what serves, measures or kills processes runs alone.
COMPUTING := tests/unit tests/house

.PHONY: test pytest
test: $(SETUP_TEST) ## set up, then every static check and every test but the long ones
	@$(MAKE) -j2 -Otarget check
	@$(MAKE) pytest

pytest: $(SETUP_TEST) ## the tests alone (ARGS="tests/unit -k name": those, in one process)
ifdef ARGS
	@$(PYTEST) -m "not long" $(ARGS)
else
	@echo "== tests: $(COMPUTING)"
	@$(PYTEST) -m "not long" --numprocesses logical $(COMPUTING)
	@echo "== tests: all others, one after the other"
	@$(PYTEST) -m "not long" tests $(addprefix --ignore=,$(COMPUTING))
endif
