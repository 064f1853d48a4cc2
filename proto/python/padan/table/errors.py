"""What can be wrong with a table's file."""

from __future__ import annotations

from padan.errors import ConfigError


class TableError(ConfigError):
    """A table cannot be read or written; names files, places and rules, and no cell."""
