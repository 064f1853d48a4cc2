# Locks: requirements/*.in -> *.txt for every Python and platform at once, with hashes and without an index's address.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-emit-find-links --no-emit-package padan --no-emit-package padan-server

.PHONY: lock
lock: $(SETUP_RUN) ## resolve the requirements anew (UPGRADE=1: to the newest allowed)
	@$(PIP_INSTALL) -r requirements/lock.txt
	@for name in lock build server dev bench; do \
	    echo "== lock: requirements/$$name.txt"; \
	    $(COMPILE) $(if $(UPGRADE),--upgrade) requirements/$$name.in -o requirements/$$name.txt; \
	done
