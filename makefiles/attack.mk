# The attacks that take minutes; the short ones run with `make test`.
.PHONY: attack
attack: $(SETUP_BENCH) ## run the long attacks and print their figures (ARGS="-k name")
	@echo "== attack"
	@$(PYTEST) -m "attack and long" -s --timeout 1800 $(ARGS)
