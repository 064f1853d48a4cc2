"""The auditor's tools: read the log, check what was read, and show it."""
