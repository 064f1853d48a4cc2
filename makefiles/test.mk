# Tests. A skipped test fails the run, so that nothing stays untested in silence.
PYTEST = $(BIN)/python -m pytest -p tests.house.no_skips

# What computes shares the processors; what serves or kills processes waits half of its time, so that three at once keep
# two processors busy, file by file; what measures runs alone.
COMPUTING := tests/unit tests/house tests/simulation
MEASURING := $(addprefix tests/attack/,network/test_floods.py network/test_neighbour.py test_constant_time.py \
    test_biometric_latency.py test_existence.py test_fail_closed.py test_latency.py test_outage.py test_timing.py)

.PHONY: test pytest guides
test: $(SETUP_TEST) ## set up, then every static check and every test but the long ones
	@$(MAKE) -j2 -Otarget check
	@$(MAKE) pytest

pytest: $(SETUP_TEST) ## the tests alone (ARGS="tests/unit -k name": those, in one process)
ifdef ARGS
	@$(PYTEST) -m "not long" $(ARGS)
else
	@echo "== tests: $(COMPUTING)"
	@$(PYTEST) -m "not long" --numprocesses logical $(COMPUTING)
	@echo "== tests: those that serve, file by file"
	@$(PYTEST) -m "not long" --numprocesses 3 --dist loadfile \
	    $(addprefix --ignore=,$(COMPUTING) $(MEASURING)) tests
	@echo "== tests: those that measure, one after the other: $(MEASURING)"
	@$(PYTEST) -m "not long" $(MEASURING)
endif

guides: $(SETUP_TEST) ## play docs/custody.md, ceremonies.md, consistency.md and going-live.md line by line
	@echo "== guides"
	@$(PYTEST) -m long --timeout 1800 tests/integration/test_custody_guides.py tests/integration/test_stages.py
