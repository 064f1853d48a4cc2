"""How an installation stands, gathered from wherever it can be asked: `padan-server status`."""
