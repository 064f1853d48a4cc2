"""The service: identity, agreements, budgets, vault, decision, log, projector and the server-side commands."""
