"""Tokens for the people whom an agency already serves: a list is worked through, and gone on with after any end."""
