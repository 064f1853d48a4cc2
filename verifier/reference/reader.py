"""References as the service reads them: for each slot asked for two rows, a reference and a decoy, or two decoys.

All slots of all questions that arrive together are one look-up, in one state of the database, and a slot that nobody
holds costs what a held one does: in its place the next person's row is read, and not given.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import psycopg
from psycopg import sql

from verifier.database import BUSY_SECONDS, parse_address, sqlite_uri
from verifier.failure import Failure
from verifier.migrations import CATALOGUE
from verifier.postgres import OPERATION_SECONDS, Link
from verifier.reference.errors import NoReferencesError
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from verifier.vault.store import Answer, Row

CONNECTIONS: Final = 2
"""Connections of a process to PostgreSQL for references: questions about them are few beside the others."""
_SQLITE: Final = (
    "SELECT 0, token, box FROM (SELECT token, box FROM reference"
    " WHERE epoch = ?1 AND slot = ?2 AND token >= ?3 ORDER BY token LIMIT 1)"
    " UNION ALL SELECT 1, token, box FROM reference WHERE epoch = ?1 AND slot = ?2 AND token = ?4"
    " UNION ALL SELECT 2, token, box FROM reference WHERE epoch = ?1 AND slot = ?2 AND token = ?5"
)
_POSTGRES: Final = (
    "SELECT near.token = asked.token, CASE WHEN near.token = asked.token THEN near.box ELSE one.box END,"
    " one.box IS NOT NULL, two.box"
    " FROM unnest(%s::smallint[], %s::bytea[], %s::bytea[], %s::bytea[]) WITH ORDINALITY"
    " AS asked (slot, token, first, second, n)"
    " LEFT JOIN LATERAL (SELECT token, box FROM reference WHERE epoch = %s AND slot = asked.slot"
    " AND token >= asked.token ORDER BY token LIMIT 1) AS near ON true"
    " LEFT JOIN LATERAL (SELECT box FROM reference WHERE epoch = %s AND slot = asked.slot"
    " AND token = asked.first LIMIT 1) AS one ON true"
    " LEFT JOIN LATERAL (SELECT box FROM reference WHERE epoch = %s AND slot = asked.slot"
    " AND token = asked.second LIMIT 1) AS two ON true"
    " ORDER BY n"
)
# Statistics of a table that grew a moment ago must not make a look-up read the whole of it; nor may a join find rows by
# a part of their key, which the limits above forbid.
_SETTINGS: Final = (
    "SET default_transaction_read_only = on; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
)
_KEPT_SQLITE: Final = "SELECT 1 FROM reference_slot WHERE epoch = ? AND slot = ?"
_KEPT_POSTGRES: Final = sql.SQL("SELECT 1 FROM reference_slot WHERE epoch = %s AND slot = %s")
_NOBODY: Final[Row] = (b"", b"")


class SlotQuery(NamedTuple):
    """One slot of one question: the slot's number, the token that is asked for, and two decoys' tokens."""

    slot: int
    token: bytes
    first: bytes
    second: bytes


class ReferenceReader(Protocol):
    """Reads references. Thread-safe."""

    def lookup_many(self, epoch: int, queries: Sequence[SlotQuery]) -> list[Answer]:
        """Look up each slot.

        Raises:
            NoReferencesError: the epoch keeps none of a slot.
            VaultDamagedError: a decoy is missing.
            VaultUnavailableError: the database failed.
        """
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


def open_reader(database: str) -> ReferenceReader:
    """Open the vault's references for reading; nothing is touched before the first use.

    Args:
        database: as `Settings.vault_database` has it.
    """
    address = parse_address(database)
    if address.path is None:
        return PostgresReferenceReader(address.url)
    return SqliteReferenceReader(address.path / CATALOGUE)


class SqliteReferenceReader:
    """Reads the catalogue's file; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []

    def lookup_many(self, epoch: int, queries: Sequence[SlotQuery]) -> list[Answer]:
        """Look up each slot, in one transaction."""
        answers: list[Answer] = []
        try:
            connection: sqlite3.Connection = getattr(self._local, "connection", None) or self._connect()
            connection.execute("BEGIN")
            try:
                for query in queries:
                    found = [_NOBODY, _NOBODY, _NOBODY]
                    for place, token, box in connection.execute(_SQLITE, (epoch, *query)):
                        found[place] = (token, box)
                    near, first, second = found
                    if not first[0] or not second[0]:
                        kept = connection.execute(_KEPT_SQLITE, (epoch, query.slot)).fetchone()
                        raise _missing(is_kept=kept is not None)
                    # Chosen by an index, so that it takes as long, held or not.
                    answers.append(((first, near)[near[0] == query.token], second))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._forget()
            raise VaultUnavailableError.of(error) from error
        return answers

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            sqlite_uri(self._path, "mode=ro"),
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        with self._lock:
            self._connections.append(connection)
        self._local.connection = connection
        return connection

    def _forget(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            with self._lock:
                if connection in self._connections:
                    self._connections.remove(connection)
            connection.close()


class PostgresReferenceReader:
    """Reads the table over a few connections, each look-up one statement."""

    def __init__(self, url: str) -> None:
        self._links = [Link(url, _SETTINGS) for _ in range(CONNECTIONS)]
        self._idle: queue.LifoQueue[Link] = queue.LifoQueue()
        for link in self._links:
            self._idle.put(link)

    def lookup_many(self, epoch: int, queries: Sequence[SlotQuery]) -> list[Answer]:
        """Look up each slot, in one statement."""
        end = time.monotonic() + OPERATION_SECONDS
        try:
            link = self._idle.get(timeout=OPERATION_SECONDS)
        except queue.Empty:
            raise VaultUnavailableError(Failure.TIMEOUT) from None
        try:
            columns = [[query[place] for query in queries] for place in range(4)]
            rows = link.select(_POSTGRES, (*columns, epoch, epoch, epoch), end)
            answers: list[Answer] = []
            for query, (held, box, whole, other) in zip(queries, rows, strict=True):
                if not whole or other is None:
                    kept = link.select(_KEPT_POSTGRES.format(), (epoch, query.slot), end)
                    raise _missing(is_kept=bool(kept))
                token = (query.first, query.token)[bool(held)]
                answers.append(((token, bytes(box)), (query.second, bytes(other))))
        except psycopg.Error as error:
            link.drop()
            raise VaultUnavailableError.of(error) from error
        finally:
            self._idle.put(link)
        return answers

    def close(self) -> None:
        """Close every connection, for good."""
        for link in self._links:
            link.close()


def _missing(*, is_kept: bool) -> VaultUnavailableError:
    if is_kept:
        return VaultDamagedError("vault: a decoy reference is missing: restore the vault")
    return NoReferencesError()
