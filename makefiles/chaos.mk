# Machines that are lost with everything on them, and brought back; minutes.
.PHONY: chaos
chaos: $(SETUP_TEST) ## lose a machine under load, restore it, and check that nothing acknowledged is missing (ARGS="-k name")
	@echo "== chaos"
	@$(PYTEST) -m "chaos and long" -s --timeout 1800 $(ARGS)
