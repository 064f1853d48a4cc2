# The whole service on this machine: synthetic people, five agencies, what they may ask and what they may not.
PEOPLE ?= 100000

.PHONY: demo
demo: $(SETUP_RUN) ## set up and run the service end to end on a synthetic population (PEOPLE=100000)
	@echo "== demo: $(PEOPLE) synthetic people"
	@$(BIN)/python deploy/demo/run.py --people $(PEOPLE) $(ARGS)
