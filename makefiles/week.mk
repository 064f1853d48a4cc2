# A registry's first week, played through: load, feed, check, dispute, crash, backup, disaster, restore.
.PHONY: demo-operate
demo-operate: $(SETUP_RUN) ## play a registry's first week of operation (WEEK_PEOPLE=20000)
	@echo "== demo-operate: $(or $(WEEK_PEOPLE),20000) synthetic people"
	@$(BIN)/python deploy/week/run.py --people $(or $(WEEK_PEOPLE),20000) $(ARGS)
