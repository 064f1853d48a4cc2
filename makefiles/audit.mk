# An audit from the first entry to five ways of lying: publication, witnesses, a copy, reports, a resident's question.
.PHONY: demo-audit
demo-audit: $(SETUP_RUN) ## play an audit: 100,000 entries, witnesses, a copy, reports, a resident, tampering (AUDIT_PEOPLE=20000)
	@echo "== demo-audit: $(or $(AUDIT_PEOPLE),20000) synthetic people"
	@$(BIN)/python deploy/audit/run.py --people $(or $(AUDIT_PEOPLE),20000) $(ARGS)
