"""An epoch in one PostgreSQL table: `epoch_000001 (token uuid primary key, box bytea)`, boxes in line with their keys.

Loaded by COPY in order, the index after. A batch is one prepared statement; a question is one row of its result,
of the same size whether the person is held or not.
"""

from __future__ import annotations

import queue
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from verifier import grants
from verifier.failure import Failure
from verifier.postgres import OPERATION_SECONDS, Link
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Answer, Query, Row

CONNECTIONS = 4
"""Connections of a process to an epoch; more would only make batches smaller."""
# Statistics of a table that grew a moment ago must not make a lookup read the whole of it.
_SETTINGS = (
    "SET default_transaction_read_only = on; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
)
# Where the one asked about is not held, the next person's row is read too, and not given: as much work as for others.
_LOOKUP = sql.SQL(
    "SELECT near.token = asked.token, CASE WHEN near.token = asked.token THEN near.box ELSE one.box END,"
    " one.box IS NOT NULL, two.box"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) WITH ORDINALITY AS asked (token, first, second, n)"
    " LEFT JOIN LATERAL (SELECT token, box FROM {table} WHERE token >= asked.token ORDER BY token LIMIT 1)"
    " AS near ON true"
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
    return sql.Identifier(_name(number))


def _name(number: int) -> str:
    return f"epoch_{number:06d}"


class PostgresEpochReader:
    """Reads one epoch's table over a few connections; questions that wait for one go together in one statement."""

    def __init__(self, url: str, epoch: Epoch) -> None:
        self._lookup = _LOOKUP.format(table=epoch_table(epoch.number))
        self._lock = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._links = [Link(url, _SETTINGS) for _ in range(CONNECTIONS)]
        self._idle: queue.LifoQueue[Link] = queue.LifoQueue()
        for link in self._links:
            self._idle.put(link)

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up the batch, with those of others that wait at the same time, in one statement."""
        ticket, end = _Ticket(queries), time.monotonic() + OPERATION_SECONDS
        with self._lock:
            self._waiting.append(ticket)
        try:
            link = self._idle.get(timeout=OPERATION_SECONDS)
        except queue.Empty:
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
            raise VaultUnavailableError(Failure.TIMEOUT) from None
        try:
            if ticket.answers is None and ticket.error is None:
                self._serve(link, end)
        finally:
            self._idle.put(link)
        return ticket.result(end)

    def close(self) -> None:
        """Close every connection, for good."""
        for link in self._links:
            link.close()

    def _serve(self, link: Link, end: float) -> None:
        """Answer everybody who waits."""
        with self._lock:
            tickets, self._waiting = self._waiting, []
        if not tickets:
            return
        queries = [query for ticket in tickets for query in ticket.queries]
        try:
            arrays = ["{" + ",".join([query[i].hex() for query in queries]) + "}" for i in range(3)]
            rows = link.select(self._lookup, arrays, end)
        except psycopg.Error as error:
            link.drop()
            for ticket in tickets:
                ticket.fail(VaultUnavailableError.of(error))
            return
        start = 0
        for ticket in tickets:
            ticket.take(rows[start : start + len(ticket.queries)])
            start += len(ticket.queries)


class _Ticket:
    """One caller's questions, answered by whoever of the callers gets a connection."""

    __slots__ = ("_done", "answers", "error", "queries")

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = queries
        self.answers: list[Answer] | None = None
        self.error: VaultUnavailableError | None = None
        self._done = threading.Event()

    def take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take the rows of these questions."""
        answers: list[Answer] = []
        for (token, first, second), (held, box, whole, other) in zip(self.queries, rows, strict=True):
            if not whole or other is None:
                self.fail(VaultDamagedError("vault: a decoy is missing: restore or reload the epoch"))
                return
            answers.append(((token if held else first, box), (second, other)))
        self.answers = answers
        self._done.set()

    def fail(self, error: VaultUnavailableError) -> None:
        """Take an error in place of rows."""
        self.error = error
        self._done.set()

    def result(self, end: float) -> list[Answer]:
        """Wait for the answers.

        Raises:
            VaultUnavailableError: there are none.
        """
        if not self._done.wait(max(0.0, end - time.monotonic())):
            raise VaultUnavailableError(Failure.TIMEOUT)
        if self.answers is None:
            raise self.error or VaultUnavailableError(Failure.OTHER)
        return self.answers


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
            grants.share(connection, _name(epoch.number))
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows by binary COPY; FREEZE, so that nothing rewrites them later."""
        connection = self._require()
        statement = sql.SQL("COPY {} (token, box) FROM STDIN (FORMAT binary, FREEZE)").format(self._table)
        try:
            with connection.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    for chunk in encode_rows(rows):
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

    def holds(self, number: int) -> bool:
        """Say whether there is an epoch's table."""
        try:
            with psycopg.connect(self._url, connect_timeout=5) as connection:
                name = epoch_table(number).as_string(connection)
                found = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error
        return found is not None and found[0] is not None

    def close(self) -> None:
        """Close the connection; a load that is not finished is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _require(self) -> psycopg.Connection:
        if self._connection is None:
            raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: no epoch is being loaded")
        return self._connection


def encode_rows(rows: Iterable[Row]) -> Iterator[bytes]:
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
