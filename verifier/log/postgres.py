"""The log's store on PostgreSQL, where every worker commits its own groups.

Locks are taken in one order, so that transactions never wait for each other in a circle: the leader's term where the
leader acts, stored answers by key, then counters by key, then the disputes, then the marks, then the log's end. A
missing counter is inserted as zero first, by key, because a row that is not there cannot be locked; only then are the
rows locked, by key: a transaction in the second phase waits only for others in that phase, since every row that it
wants was committed or its own when it left the first. The log's end is an advisory lock, held over the commit, so that
places have no gaps and become visible in their order.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from verifier import database
from verifier.log import arrays, beside
from verifier.log.beside import How
from verifier.log.disputes import DisputeRows
from verifier.log.expiry import Expiry
from verifier.log.marks import MarkRows
from verifier.log.reader import LogReader
from verifier.log.store import (
    EntryRow,
    LeaderLostError,
    LogOrderError,
    LogStoreError,
    ReplayKey,
    ReplayRow,
    StoredReplay,
    decode_replay_key,
    encode_replay_key,
)
from verifier.postgres import Link, watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from types import TracebackType

    from sqlalchemy.engine import Connection

    from verifier.log.beside import Kept
    from verifier.log.disputes import Cursor

# Statistics say nothing of a day that has just begun, nor of a table that grew a moment ago, and a join is planned by
# them: by yesterday's, each commit would read all of today's counters. So none of the statements below is a join that
# can be planned in two ways, each row is found by its whole key, and no table is read from end to end.
_SETTINGS = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
_LOG_END = 0x7061_6461_6E01  # "padan", 1: the advisory lock of the log's end
_DISPUTES = 0x7061_6461_6E02  # and that of the disputes
_CLAIM = (
    "INSERT INTO replay (key, day, digest, body) SELECT k, 0, '', '' FROM unnest(%b::bytea[]) AS k ORDER BY k"
    " ON CONFLICT DO NOTHING RETURNING key"
)
_REPLAYS = "SELECT key, digest, body, day FROM replay WHERE key = ANY(%b::bytea[]) AND day > 0"
_INSERT_ZEROS = (
    "INSERT INTO counter (day, key, value) SELECT %b::int, k, 0 FROM unnest(%b::bytea[]) AS k ORDER BY k"
    " ON CONFLICT DO NOTHING"
)
_LOCK_COUNTERS = (
    "SELECT held.key, held.value FROM unnest(%b::bytea[]) AS asked (key),"
    " LATERAL (SELECT key, value FROM counter WHERE day = %b::int AND key = asked.key FOR UPDATE) AS held"
)
_WRITE_COUNTERS = (
    "INSERT INTO counter (day, key, value)"
    " SELECT %b::int, key, value FROM unnest(%b::bytea[], %b::int[]) AS u (key, value)"
    " ON CONFLICT (day, key) DO UPDATE SET value = excluded.value"
)
_WRITE_REPLAYS = (
    "INSERT INTO replay (key, day, digest, body)"
    " SELECT key, day, digest, body"
    " FROM unnest(%b::bytea[], %b::int[], %b::bytea[], %b::bytea[]) AS u (key, day, digest, body)"
    " ON CONFLICT (key) DO UPDATE SET day = excluded.day, digest = excluded.digest, body = excluded.body"
)
_FREE_REPLAYS = "DELETE FROM replay WHERE key = ANY(%b::bytea[])"
_LOCK_DISPUTES = f"SELECT pg_advisory_xact_lock({_DISPUTES})"
_LOCK_END = f"SELECT pg_advisory_xact_lock({_LOG_END})"
_WRITE_ENTRIES = (
    "INSERT INTO entry (sequence, kind, agency, purpose, outcome, log_time_ms, entry, salt, leaf)"
    " SELECT (SELECT coalesce(max(sequence), 0) FROM entry) + n,"
    " kind, agency, purpose, outcome, time, entry, salt, leaf"
    " FROM unnest(%b::int[], %b::text[], %b::text[], %b::smallint[], %b::bigint[], %b::bytea[], %b::bytea[],"
    " %b::bytea[]) WITH ORDINALITY AS u (kind, agency, purpose, outcome, time, entry, salt, leaf, n) ORDER BY n"
)
_FENCE = "SELECT 1 FROM leader WHERE term = %b::bigint FOR KEY SHARE"
_KEEP_SETTING = "INSERT INTO setting (name, value) VALUES (%s, '') ON CONFLICT DO NOTHING"
_SETTING = "SELECT value FROM setting WHERE name = %s FOR UPDATE"
_SET = "UPDATE setting SET value = %s WHERE name = %s"
_ERASE = (
    "UPDATE entry SET entry = '', salt = '', purpose = '', outcome = 0"
    " WHERE sequence = ANY(%b::bigint[]) AND length(entry) > 0"
)
_CLOCK = (
    "SELECT extract(epoch FROM clock_timestamp())::float8,"
    " (SELECT log_time_ms FROM entry ORDER BY sequence DESC LIMIT 1)"
)


class PostgresTransaction:
    """A group's transaction."""

    def __init__(self, store: PostgresLogStore) -> None:
        self._store = store
        self._claimed: set[bytes] = set()
        self._known: dict[bytes, int] = {}
        self._day: int | None = None
        self._last_ms: int | None = None
        self._written = False
        self._pending: list[tuple[str, tuple[Any, ...]]] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._connection = self._store._begin()  # noqa: SLF001 - the two classes are one
        self._cursor = self._connection.cursor(binary=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the writes and the commit in one go, or roll back."""
        if error is None and not self._written:
            self._free(self._claimed)
        self._store._end(self._connection, error, self._pending)  # noqa: SLF001 - the two classes are one

    def fence(self, term: int) -> None:
        """Lock the term's row against the next one, though not against heartbeats."""
        if self._cursor.execute(_FENCE, (term,), prepare=True).fetchone() is None:
            raise LeaderLostError(term)

    def claim_replays(self, keys: Sequence[ReplayKey]) -> set[ReplayKey]:
        """Claim request ids; waits for other workers that are just claiming the same."""
        if self._known or self._claimed:
            raise LogOrderError("request ids are claimed once, before counters are locked")
        wanted = {encode_replay_key(key): key for key in keys}
        self._cursor.execute(_CLAIM, (arrays.of_bytes(sorted(wanted)),), prepare=True)
        self._claimed = {row[0] for row in self._cursor.fetchall()}
        return {wanted[key] for key in self._claimed}

    def replays(self, keys: Sequence[ReplayKey]) -> dict[ReplayKey, StoredReplay]:
        """Read kept answers."""
        wanted = arrays.of_bytes([encode_replay_key(key) for key in keys])
        self._cursor.execute(_REPLAYS, (wanted,), prepare=True)
        return {
            decode_replay_key(key): StoredReplay(digest=digest, body=body, day=day)
            for key, digest, body, day in self._cursor.fetchall()
        }

    def counters(self, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Lock counters by key and read them."""
        if self._known:
            raise LogOrderError("counters are locked once")
        if not keys:
            return {}
        self._day = day
        wanted = arrays.of_bytes(sorted(set(keys)))
        with self._connection.pipeline():
            self._cursor.execute(_INSERT_ZEROS, (day, wanted), prepare=True)
            cursor = self._connection.cursor(binary=True)
            cursor.execute(_LOCK_COUNTERS, (wanted, day), prepare=True)
            self._known = dict(cursor.fetchall())
        return dict(self._known)

    def disputes(self) -> DisputeRows:
        """Lock the disputes, and give them."""
        self._cursor.execute(_LOCK_DISPUTES.encode(), prepare=True)
        return DisputeRows(self._run)

    def marks(self) -> MarkRows:
        """Give the marks; the first write of one stands in line with the directory's writers."""
        return MarkRows(self._run)

    def _run(self, statement: str, values: Sequence[Any]) -> Cursor:
        return self._cursor.execute(statement.replace("?", "%s").encode(), values)

    def clock(self) -> float | None:
        """Read the server's clock, and log time of the last entry with it."""
        row = self._cursor.execute(_CLOCK, prepare=True).fetchone()
        if row is None:
            return None
        self._last_ms = row[1] or 0
        return float(row[0])

    def last_ms(self) -> int:
        """Read log time of the last entry that this transaction saw with the clock."""
        if self._last_ms is None:
            self.clock()
        return self._last_ms or 0

    def keep(self, rows: Sequence[Kept]) -> None:
        """Write rows beside the log, with the commit; what a command just moves is waited for, before any row."""
        for lock in sorted({row.beside.lock for row in rows if row.how is not How.ADD and row.beside.lock}):
            self._pending.append(("SELECT pg_advisory_xact_lock_shared(%s)", (lock,)))
        beside.write(lambda statement, values: self._pending.append((statement, tuple(values))), rows, "%s")

    def write(
        self,
        counters: Mapping[bytes, int],
        day: int,
        entries: Sequence[EntryRow],
        replays: Sequence[ReplayRow],
    ) -> None:
        """Note what the commit sends; a counter that did not change costs nothing."""
        known = self._known
        if self._written or not (counters.keys() <= known.keys() and (not counters or day == self._day)):
            raise LogOrderError("write once, and only counters that were read")
        kept = {encode_replay_key(row.key): row for row in replays}
        if not kept.keys() <= self._claimed:
            raise LogOrderError("an answer is kept only for a claimed request")
        changed = [(key, value) for key, value in counters.items() if value != known[key]]
        self._written, pending = True, self._pending
        if changed:
            counted = arrays.of_int4([value for _, value in changed])
            pending.append((_WRITE_COUNTERS, (day, arrays.of_bytes([key for key, _ in changed]), counted)))
        if kept:
            pending.append((_WRITE_REPLAYS, _columns(kept)))
        self._free(self._claimed - kept.keys())
        if entries:
            pending += ((_LOCK_END, ()), (_WRITE_ENTRIES, _entry_columns(entries)))

    def setting(self, name: str) -> str:
        """Read a setting and lock its row; one that is not there is inserted first, to be locked."""
        self._cursor.execute(_KEEP_SETTING, (name,))
        row = self._cursor.execute(_SETTING, (name,)).fetchone()
        return "" if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting."""
        self._cursor.execute(_SET, (value, name))

    def erase(self, places: Sequence[int]) -> int:
        """Erase entries; the server's vacuum frees what they held."""
        return self._cursor.execute(_ERASE, (list(places),)).rowcount

    def _free(self, keys: Collection[bytes]) -> None:
        if keys:
            self._pending.append((_FREE_REPLAYS, (arrays.of_bytes(sorted(keys)),)))


class PostgresLogStore(LogReader):
    """The log's store on PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._writing = threading.Lock()
        self._link = Link(url, _SETTINGS)
        self._engine = database.make_engine(database.Address(url=url))
        self._expiry = Expiry(delete=self._delete, read=self._number)

    def transaction(self) -> PostgresTransaction:
        """Make a transaction; it begins with the `with` block."""
        return PostgresTransaction(self)

    def expire(self, before_day: int, *, enough: Callable[[], bool] = lambda: False) -> int:
        """Delete counters and kept answers of earlier days, each step a transaction of its own."""
        return self._expiry.turn(before_day, enough=enough)

    def check(self) -> None:
        """Run a transaction over the tables."""
        with self.transaction() as trial:
            trial._connection.execute("SELECT max(sequence) FROM entry").fetchone()  # noqa: SLF001 - the two are one

    def close(self) -> None:
        """Close every connection."""
        with self._writing:
            self._link.close()
        self._engine.dispose()

    def _delete(self, statement: str, values: tuple[int | str, ...]) -> int:
        with self.transaction() as step:
            return step._connection.execute(statement.encode(), values).rowcount  # noqa: SLF001 - the two are one

    def _number(self, statement: str) -> int:
        with self.transaction() as step:
            row = step._connection.execute(statement.encode()).fetchone()  # noqa: SLF001 - the two are one
        return int(row[0]) if row else 0

    def _begin(self) -> psycopg.Connection:
        self._writing.acquire()
        try:
            return self._link.begin()
        except BaseException as error:
            self._link.drop()
            self._writing.release()
            if isinstance(error, psycopg.Error):
                raise LogStoreError.of(error) from error
            raise

    def _end(
        self,
        connection: psycopg.Connection,
        error: BaseException | None,
        pending: Sequence[tuple[str, tuple[Any, ...]]],
    ) -> None:
        # Never on another connection than the one that holds the locks: a closed one fails here.
        try:
            if error is None:
                with connection.pipeline():
                    for statement, values in pending:
                        connection.execute(statement.encode(), values, prepare=True)
                    connection.execute("COMMIT", prepare=True)
            elif not connection.closed:
                connection.execute("ROLLBACK")
        except psycopg.Error as failure:
            error = error if isinstance(error, psycopg.Error) else failure
        finally:
            watchdog.stop(connection)
            if isinstance(error, psycopg.Error):
                self._link.drop()
            self._writing.release()
        if isinstance(error, psycopg.Error):
            raise LogStoreError.of(error) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, psycopg.Error) as error:
            raise LogStoreError.of(error) from error


def _columns(rows: Mapping[bytes, ReplayRow]) -> tuple[bytes, ...]:
    values = rows.values()
    return (
        arrays.of_bytes(list(rows)),
        arrays.of_int4([row.day for row in values]),
        arrays.of_bytes([row.digest for row in values]),
        arrays.of_bytes([row.body for row in values]),
    )


def _entry_columns(rows: Sequence[EntryRow]) -> tuple[bytes, ...]:
    kinds, agencies, purposes, outcomes, times, entries, salts, leaves = zip(*rows, strict=True)
    return (
        arrays.of_int4(kinds),
        arrays.of_texts(agencies),
        arrays.of_texts(purposes),
        arrays.of_int2(outcomes),
        arrays.of_int8(times),
        arrays.of_bytes(entries),
        arrays.of_bytes(salts),
        arrays.of_bytes(leaves),
    )
