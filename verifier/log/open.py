"""Opens the log's store behind an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.database import parse_address
from verifier.log.postgres import PostgresLogStore
from verifier.log.sqlite import SqliteLogStore

if TYPE_CHECKING:
    from verifier.log.store import LogStore


def open_log(database: str) -> LogStore:
    """Open the store; nothing is touched before its first use, so a database that is away fails then.

    Args:
        database: a postgresql:// URL or the path of a SQLite file, as `Settings.log_database` has it.
    """
    address = parse_address(database)
    return PostgresLogStore(address.url) if address.path is None else SqliteLogStore(address.path)
