"""The log's store on one SQLite file: WAL and synchronous=FULL, so that a commit is one fsync of the WAL.

One connection writes, under a lock; its write lock is taken at the begin, so what a transaction has read stays true
until it commits. After any failure the connection is thrown away and the next transaction opens a new one.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy.exc import SQLAlchemyError

from verifier import database
from verifier.log import listing
from verifier.log.counters import CounterBook
from verifier.log.store import (
    EntryRow,
    Head,
    LogOrderError,
    LogStoreError,
    ReplayKey,
    ReplayRow,
    StoredEntry,
    StoredReplay,
    decode_replay_key,
    encode_replay_key,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.engine import Connection

_SLICE = 256
"""Keys a statement: statements of few sizes stay prepared."""
_STEP = 500
"""Rows that one step of expiry deletes, so that a commit waits for it a few milliseconds at most."""
_PRAGMAS = ("PRAGMA cache_size=-65536", "PRAGMA temp_store=MEMORY")
_INSERT_ENTRY = (
    "INSERT INTO entry (kind, agency, purpose, outcome, log_time_ms, entry, salt, leaf)"
    " VALUES (?,?,?,?,?,?,?,?)"
)
_INSERT_REPLAY = "INSERT INTO replay (key, day, digest, body) VALUES (?,?,?,?)"
_EXPIRE_COUNTERS = (
    "DELETE FROM counter WHERE (day, key) IN (SELECT day, key FROM counter WHERE day < ? LIMIT ?)"
)
# The newest row stays: its number says whether another process has written since.
_EXPIRE_CHANGES = (
    "DELETE FROM counter_change WHERE id IN (SELECT id FROM counter_change WHERE day < ? LIMIT ?)"
    " AND id < (SELECT max(id) FROM counter_change)"
)
# Answers are kept in the order of their days, so the oldest stand first.
_EXPIRE_REPLAYS = "DELETE FROM replay WHERE rowid < (SELECT min(rowid) FROM replay) + ? AND day < ?"


class SqliteTransaction:
    """A group's transaction on the writing connection."""

    def __init__(self, store: SqliteLogStore) -> None:
        self._store = store
        self._claimed: set[bytes] = set()
        self._known: dict[bytes, int] = {}
        self._day: int | None = None
        self._written = False

    def __enter__(self) -> Self:
        """Take the write lock."""
        self._connection = self._store._begin()  # noqa: SLF001 - the two classes are one
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or roll back."""
        self._store._end(error)  # noqa: SLF001 - the two classes are one

    def claim_replays(self, keys: Sequence[ReplayKey]) -> set[ReplayKey]:
        """Claim request ids: with the write lock held, what is not stored is free."""
        wanted = {encode_replay_key(key): key for key in keys}
        for key in self._select("SELECT key FROM replay WHERE key IN ", list(wanted)):
            del wanted[key[0]]
        self._claimed.update(wanted)
        return set(wanted.values())

    def replays(self, keys: Sequence[ReplayKey]) -> dict[ReplayKey, StoredReplay]:
        """Read kept answers."""
        rows = self._select(
            "SELECT key, digest, body, day FROM replay WHERE key IN ",
            [encode_replay_key(key) for key in keys],
        )
        return {
            decode_replay_key(key): StoredReplay(digest=digest, body=body, day=day)
            for key, digest, body, day in rows
        }

    def counters(self, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Read counters; the write lock keeps others from changing them."""
        if self._day not in (None, day):
            raise LogOrderError("a transaction reads the counters of one day")
        self._day = day
        values = self._store._book.read(self._connection, keys, day)  # noqa: SLF001 - the two classes are one
        self._known.update(values)
        return values

    def clock(self) -> float | None:
        """Leave the time to the process."""
        return None

    def write(
        self,
        counters: Mapping[bytes, int],
        day: int,
        entries: Sequence[EntryRow],
        replays: Sequence[ReplayRow],
    ) -> None:
        """Write the group; a counter that did not change costs nothing."""
        known = self._known
        if self._written or not (counters.keys() <= known.keys() and (not counters or day == self._day)):
            raise LogOrderError("write once, and only counters that were read")
        self._written = True
        kept = [(encode_replay_key(row.key), row.day, row.digest, row.body) for row in replays]
        if not self._claimed.issuperset([row[0] for row in kept]):
            raise LogOrderError("an answer is kept only for a claimed request")
        changed = {key: value for key, value in counters.items() if value != known[key]}
        connection = self._connection
        self._store._book.write(connection, changed, day)  # noqa: SLF001 - the two classes are one
        connection.executemany(
            _INSERT_ENTRY,
            [
                (
                    row.kind,
                    row.agency,
                    row.purpose,
                    row.outcome,
                    row.log_time_ms,
                    row.entry,
                    row.salt,
                    row.leaf,
                )
                for row in entries
            ],
        )
        connection.executemany(_INSERT_REPLAY, kept)

    def _select(self, statement: str, keys: Sequence[bytes]) -> list[tuple]:  # type: ignore[type-arg]  # rows
        rows: list[tuple] = []  # type: ignore[type-arg]  # rows of several statements
        for start in range(0, len(keys), _SLICE):
            part = tuple(keys[start : start + _SLICE])
            size = 1 << (len(part) - 1).bit_length()
            marks = ",".join("?" * size)
            rows += self._connection.execute(
                f"{statement}({marks})", part + part[:1] * (size - len(part))
            ).fetchall()
        return rows


class SqliteLogStore:
    """The log's store on one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._book = CounterBook()
        self._engine = database.make_engine(database.Address(path=path))

    def transaction(self) -> SqliteTransaction:
        """Make a transaction; it begins with the `with` block."""
        return SqliteTransaction(self)

    def head(self) -> Head:
        """Read the log's last place and time."""
        with self._reading() as connection:
            return listing.read_head(connection)

    def entries(
        self,
        after_sequence: int,
        limit: int,
        *,
        agency: str | None = None,
        purpose: str | None = None,
        outcome: int | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
    ) -> list[StoredEntry]:
        """List entries by ascending place."""
        with self._reading() as connection:
            return listing.read_entries(
                connection,
                after_sequence,
                limit,
                agency=agency,
                purpose=purpose,
                outcome=outcome,
                from_ms=from_ms,
                until_ms=until_ms,
            )

    def expire(self, before_day: int) -> int:
        """Delete counters and kept answers of earlier days, each step a transaction of its own."""
        total = 0
        for statement, values in (
            (_EXPIRE_COUNTERS, (before_day, _STEP)),
            (_EXPIRE_CHANGES, (before_day, _STEP)),
            (_EXPIRE_REPLAYS, (_STEP, before_day)),
        ):
            deleted = _STEP
            while deleted:
                with self.transaction() as step:
                    deleted = step._connection.execute(statement, values).rowcount  # noqa: SLF001 - the two are one
                total += deleted
        with self.transaction():
            self._book.expired(before_day)
        return total

    def check(self) -> None:
        """Take and release the write lock, and read the head."""
        with self.transaction() as trial:
            trial._connection.execute("SELECT max(sequence) FROM entry").fetchone()  # noqa: SLF001 - the two are one

    def close(self) -> None:
        """Close every connection."""
        with self._writing:
            self._drop()
        self._engine.dispose()

    def _begin(self) -> sqlite3.Connection:
        self._writing.acquire()
        try:
            if self._connection is None:
                self._connection = database.open_sqlite(self._path)
                for pragma in _PRAGMAS:
                    self._connection.execute(pragma)
            self._connection.execute("BEGIN IMMEDIATE")
            self._book.sync(self._connection)
        except BaseException as error:
            self._drop()
            self._writing.release()
            if isinstance(error, sqlite3.Error):
                raise LogStoreError.of(error) from error
            raise
        return self._connection

    def _end(self, error: BaseException | None) -> None:
        try:
            if self._connection is None:
                raise LogOrderError("the store was closed inside a transaction")
            if error is None:
                self._connection.execute("COMMIT")
                self._book.committed()
            else:
                self._connection.execute("ROLLBACK")
                self._book.discard()
        except sqlite3.Error as failure:
            self._drop()
            raise LogStoreError.of(error if isinstance(error, sqlite3.Error) else failure) from failure
        finally:
            self._writing.release()
        if isinstance(error, sqlite3.Error):
            self._drop()
            raise LogStoreError.of(error) from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._book.reset()
        if connection is not None:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(reads_only=True) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise LogStoreError.of(error) from error
