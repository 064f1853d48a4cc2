# The parts of the documentation that are made from code.
.PHONY: docs
docs: $(SETUP_TEST) ## write the reference tables of README.md and docs/ anew
	@echo "== docs"
	@$(BIN)/python -m tests.house.reference
