"""Backups: log, vault and keyring, consistent with each other, written while the service runs."""
