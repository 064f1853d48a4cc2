"""The registry's changes, from a signed file to the epoch in use."""
