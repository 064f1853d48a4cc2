"""A copy of a log: made, checked, queried and proven from on the auditor's own machine."""
