"""Tokens in an agency's own files and databases, moved to the version of their domain that issues, and back."""
