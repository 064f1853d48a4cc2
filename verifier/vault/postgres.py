"""An epoch in one PostgreSQL table: `epoch_000001 (token uuid primary key, box bytea)`, boxes in line with their keys.

Loaded by COPY in order, the index after. A batch is one prepared statement; a question is one row of its result,
of the same size whether the person is held or not.
"""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from verifier.failure import Failure
from verifier.postgres import Link
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Answer, Query, Row

# Statistics of a table that grew a moment ago must not make a lookup read the whole of it.
_SETTINGS = (
    "SET default_transaction_read_only = on; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
)
_LOOKUP = sql.SQL(
    "SELECT held.box IS NOT NULL, coalesce(held.box, one.box), one.box IS NOT NULL, two.box"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) WITH ORDINALITY AS asked (token, first, second, n)"
    " LEFT JOIN {table} AS held ON held.token = asked.token"
    " LEFT JOIN {table} AS one ON one.token = asked.first"
    " LEFT JOIN {table} AS two ON two.token = asked.second ORDER BY n"
)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_COPY_ROW = struct.Struct(">hi")
_COPY_LENGTH = struct.Struct(">i")
_CHUNK = 256


def epoch_table(number: int) -> sql.Identifier:
    """Name an epoch's table."""
    return sql.Identifier(f"epoch_{number:06d}")


class PostgresEpochReader:
    """Reads one epoch's table; each thread has a connection of its own."""

    def __init__(self, url: str, epoch: Epoch) -> None:
        self._url = url
        self._lookup = _LOOKUP.format(table=epoch_table(epoch.number))
        self._local = threading.local()
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._closed = False

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up the batch in one statement."""
        link: Link = getattr(self._local, "link", None) or self._open()
        try:
            rows = self._select(link, queries)
        except psycopg.Error as error:
            link.drop()
            raise VaultUnavailableError.of(error) from error
        answers: list[Answer] = []
        for (token, first, second), (held, box, whole, other) in zip(queries, rows, strict=True):
            if not whole or other is None:
                raise VaultDamagedError("vault: a decoy is missing: restore or reload the epoch")
            answers.append(((token if held else first, box), (second, other)))
        return answers

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            self._closed = True
            for link in self._links:
                link.close()
            self._links.clear()

    def _select(self, link: Link, queries: Sequence[Query]) -> list[tuple[bool, bytes, bool, bytes | None]]:
        arrays = ["{" + ",".join([query[i].hex() for query in queries]) + "}" for i in range(3)]
        return link.select(self._lookup, arrays)

    def _open(self) -> Link:
        with self._lock:
            if self._closed:
                raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: the epoch is closed")
            link = Link(self._url, _SETTINGS)
            self._links.append(link)
        self._local.link = link
        return link


class PostgresEpochLoader:
    """Writes one epoch's table, in one transaction from its creation to its index."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None
        self._table = epoch_table(0)

    def create(self, epoch: Epoch) -> None:
        """Make the table, unseen by others until `finish`."""
        self.close()
        self._table = epoch_table(epoch.number)
        try:
            self._connection = connection = psycopg.connect(self._url, connect_timeout=5)
            for statement in (
                "SET statement_timeout = 0",
                "SET idle_in_transaction_session_timeout = 0",
                "DROP TABLE IF EXISTS {}",
                "CREATE TABLE {} (token uuid NOT NULL, box bytea NOT NULL)",
                "ALTER TABLE {} ALTER box SET STORAGE PLAIN",
            ):
                connection.execute(sql.SQL(statement).format(self._table))
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows by binary COPY; FREEZE, so that nothing rewrites them later."""
        connection = self._require()
        statement = sql.SQL("COPY {} (token, box) FROM STDIN (FORMAT binary, FREEZE)").format(self._table)
        try:
            with connection.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    for chunk in _encode(rows):
                        copy.write(chunk)
                return cursor.rowcount
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error

    def finish(self) -> None:
        """Build the index, gather statistics, commit."""
        connection = self._require()
        try:
            connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (token)").format(self._table))
            connection.execute(sql.SQL("ANALYZE {}").format(self._table))
            connection.commit()
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error
        finally:
            self.close()

    def drop(self, number: int) -> None:
        """Drop an epoch's table."""
        try:
            with psycopg.connect(self._url, connect_timeout=5) as connection:
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(epoch_table(number)))
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error

    def close(self) -> None:
        """Close the connection; a load that is not finished is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _require(self) -> psycopg.Connection:
        if self._connection is None:
            raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: no epoch is being loaded")
        return self._connection


def _encode(rows: Iterable[Row]) -> Iterator[bytes]:
    """Encode rows as binary COPY, some hundred a chunk."""
    head = _COPY_ROW.pack(2, TOKEN_SIZE)
    parts = [_COPY_HEADER]
    for token, box in rows:
        parts += (head, token, _COPY_LENGTH.pack(len(box)), box)
        if len(parts) > 4 * _CHUNK:
            yield b"".join(parts)
            parts.clear()
    parts.append(_COPY_END)
    yield b"".join(parts)
