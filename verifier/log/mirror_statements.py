"""Mirrors what SQLAlchemy writes to the log's database beside the log: the directory, by the statements themselves.

They run again, in the same order, on the same state, so they come to the same; none of them asks for a time or for
chance, since the modules of the directory pass such values in.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from verifier.log.mirror import MirrorWriter
from verifier.log.mirror_format import encode_statements
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from verifier.log.mirror_format import Statement


@contextmanager
def mirrored(connection: Connection) -> Iterator[None]:
    """Mirror what a transaction runs in the block, as the last thing before its commit.

    Raises:
        MirrorUnavailableError: it is not durable in the mirror; the transaction must be rolled back.
        LogStoreError: the database failed.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    ran: list[Statement] = []

    @event.listens_for(connection, "before_cursor_execute")
    def _note(*call: Any) -> None:
        _, _, text, values, _, is_many = call
        if not text.startswith(("SELECT", "PRAGMA")):
            ran.append((text, [tuple(row) for row in values] if is_many else [tuple(values)]))

    yield
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("the engine is not sqlite3's")
    try:
        with closing(MirrorWriter()) as writer:
            writer.append(driver, lambda: encode_statements(ran))
    except sqlite3.Error as error:
        raise LogStoreError.of(error) from error
