"""SQLite logs for tests that commit very often: made once and copied, and not flushed to the disk."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from verifier import database, migrations

if TYPE_CHECKING:
    import sqlite3


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.sqlite"
        migrations.upgrade(str(path))
        return path.read_bytes()


def make_log(path: Path) -> Path:
    """Make an empty log."""
    path.write_bytes(_empty())
    return path


def open_quickly(path: Path) -> sqlite3.Connection:
    """Open a log for writing as the store does, but without flushing."""
    connection = database.open_sqlite(path)
    connection.execute("PRAGMA synchronous=OFF")
    return connection
