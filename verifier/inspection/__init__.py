"""Looks an installation over without starting or changing anything: `padan-server config check`."""
