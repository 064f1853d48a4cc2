# Proof on a fresh machine.
.PHONY: fresh
fresh: ## run `make demo` and `make test` in a bare Debian 12 (root; TARGETS="demo test", FRESH_DIR=/tmp)
	@makefiles/fresh $(TARGETS)
