# The life of keys that nobody holds alone: a sealed start, a rotation under load, a custodian lost, a compromise rehearsed.
.PHONY: demo-custody
demo-custody: $(SETUP_RUN) ## play the keys of five custodians: sealed start, rotation under load, loss, drill (CUSTODY_PEOPLE=20000)
	@echo "== demo-custody: $(or $(CUSTODY_PEOPLE),20000) synthetic people"
	@$(BIN)/python deploy/custody/run.py --people $(or $(CUSTODY_PEOPLE),20000) $(ARGS)
