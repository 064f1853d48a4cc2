"""The log's store on one SQLite file: WAL and synchronous=FULL, so that a commit is one fsync of the WAL.

One connection writes, under a lock; its write lock is taken at the begin, so what a transaction has read stays true
until it commits. After any failure the connection is thrown away and the next transaction opens a new one.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.exc import SQLAlchemyError

from verifier import database
from verifier.log import beside, listing, mirror_format
from verifier.log.answers import Answers
from verifier.log.checkpoint import MAX_PAGES, Checkpointer
from verifier.log.disputes import DisputeRows
from verifier.log.inserting import Insert
from verifier.log.ledger import Ledger
from verifier.log.marks import MarkRows
from verifier.log.mirror import MirrorWriter
from verifier.log.reader import LogReader
from verifier.log.store import (
    EntryRow,
    LeaderLostError,
    LogOrderError,
    LogStoreError,
    ReplayKey,
    ReplayRow,
    StoredReplay,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.engine import Connection

    from verifier.log.beside import Kept
    from verifier.log.mirror_format import Statement

_STEP = 500
"""Rows that one step of expiry deletes, so that a commit waits for it a few milliseconds at most."""
_PRAGMAS = (
    "PRAGMA cache_size=-2048",  # another process commits each two seconds, and empties it; a larger one only fills
    "PRAGMA secure_delete=ON",  # what is erased is overwritten, not only forgotten
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA wal_autocheckpoint={MAX_PAGES}",
)
_insert_entries = Insert("entry", EntryRow._fields)
_LAST = "SELECT log_time_ms FROM entry ORDER BY sequence DESC LIMIT 1"
_SETTING = "SELECT value FROM setting WHERE name = ?"
_SET = "INSERT INTO setting (name, value) VALUES (?,?) ON CONFLICT DO UPDATE SET value = excluded.value"
_ERASE = (
    "UPDATE entry SET entry = x'', salt = x'', purpose = '', outcome = 0"
    " WHERE sequence = ? AND length(entry) > 0"
)


class SqliteTransaction:
    """A group's transaction on the writing connection."""

    def __init__(self, store: SqliteLogStore) -> None:
        self._store = store
        self._claimed: dict[ReplayKey, bytes] = {}
        self._known: dict[bytes, int] = {}
        self._day: int | None = None
        self._group: Callable[[], bytes] | None = None
        self._statements: list[Statement] = []

    def __enter__(self) -> Self:
        """Take the write lock."""
        self.connection = self._store._begin()  # noqa: SLF001 - the two classes are one
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or roll back; what is committed is in the mirror first, where there is one."""
        if error is None:
            try:
                self._store.mirror(self.connection, self._group, self._statements)
            except BaseException as failure:
                self._store._end(failure)  # noqa: SLF001 - the two classes are one
                raise
        self._store._end(error)  # noqa: SLF001 - the two classes are one

    def fence(self, term: int) -> None:
        """See that the term is not over; the write lock keeps the next one from beginning."""
        if self.connection.execute(listing.TERM, (term,)).fetchone() is None:
            raise LeaderLostError(term)

    def claim_replays(self, keys: Sequence[ReplayKey]) -> set[ReplayKey]:
        """Claim request ids: with the write lock held, what has no answer is free."""
        claimed = self._store.answers.claim(self.connection, keys)
        self._claimed |= claimed
        return set(claimed)

    def replays(self, keys: Sequence[ReplayKey]) -> dict[ReplayKey, StoredReplay]:
        """Read kept answers."""
        return self._store.answers.read(self.connection, keys)

    def counters(self, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Read counters; the write lock keeps others from changing them."""
        if self._day not in (None, day):
            raise LogOrderError("a transaction reads the counters of one day")
        self._day = day
        values = self._store.counters.read(self.connection, keys, day)
        self._known |= values
        return values

    def disputes(self) -> DisputeRows:
        """Give the disputes, which the write lock keeps others from."""
        return DisputeRows(self._run)

    def marks(self) -> MarkRows:
        """Give the marks, which the write lock keeps others from."""
        return MarkRows(self._run)

    def clock(self) -> float | None:
        """Leave the time to the process."""
        return None

    def last_ms(self) -> int:
        """Read log time of the last entry."""
        row = self.connection.execute(_LAST).fetchone()
        return 0 if row is None else int(row[0])

    def keep(self, rows: Sequence[Kept]) -> None:
        """Write rows beside the log."""
        beside.write(self._run, rows, "?")

    def write(
        self,
        counters: Mapping[bytes, int],
        day: int,
        entries: Sequence[EntryRow],
        replays: Sequence[ReplayRow],
    ) -> None:
        """Write the group; a counter that did not change costs nothing."""
        known = self._known
        if self._group is not None or not (
            counters.keys() <= known.keys() and (not counters or day == self._day)
        ):
            raise LogOrderError("write once, and only counters that were read")
        changed = {key: value for key, value in counters.items() if value != known[key]}
        connection = self.connection
        self._store.counters.write(connection, changed, day)
        self._store.answers.write(connection, replays, self._claimed, day)
        _insert_entries(connection, entries)

        def encode() -> bytes:
            (last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM entry").fetchone()
            return mirror_format.encode_group(last - len(entries) + 1, entries, day, changed, replays)

        self._group = encode

    def setting(self, name: str) -> str:
        """Read a setting; the write lock keeps others from changing it."""
        row = self.connection.execute(_SETTING, (name,)).fetchone()
        return "" if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting."""
        self._run(_SET, (name, value))

    def erase(self, places: Sequence[int]) -> int:
        """Erase entries; the bytes that they had are overwritten in their pages."""
        rows: list[tuple[Any, ...]] = [(place,) for place in places]
        self._statements.append((_ERASE, rows))
        return self.connection.executemany(_ERASE, rows).rowcount

    def _run(self, text: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Run a statement, and keep it for the mirror where it writes."""
        if not text.startswith("SELECT"):
            self._statements.append((text, [tuple(values)]))
        return self.connection.execute(text, values)


class SqliteLogStore(LogReader):
    """The log's store on one SQLite file."""

    def __init__(self, path: Path, *, replaying: bool = False) -> None:
        """Prepare access.

        Args:
            path: of the file.
            replaying: the file is a copy that is brought up to its mirror: commits are neither mirrored nor durable.
        """
        self._path = path
        self._replaying = replaying
        self._mirror = MirrorWriter()
        self._writing = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._checkpointer = Checkpointer(path)
        self.counters = Ledger("counter")
        self.answers = Answers()
        self._ledgers = (self.counters, self.answers.places)
        self._engine = database.make_engine(database.Address(path=path))

    def mirror(
        self,
        connection: sqlite3.Connection,
        group: Callable[[], bytes] | None,
        statements: Sequence[Statement],
    ) -> None:
        """Mirror what a transaction has written, where the log has a mirror.

        Args:
            connection: in the transaction.
            group: encodes its group; None where it wrote none.
            statements: what it ran besides.
        """
        if self._replaying or (group is None and not statements):
            return

        def encode() -> bytes:
            if group is None:
                return mirror_format.encode_statements(statements)
            return mirror_format.encode_mixed(group(), statements) if statements else group()

        self._mirror.append(connection, encode)

    def transaction(self) -> SqliteTransaction:
        """Make a transaction; it begins with the `with` block."""
        return SqliteTransaction(self)

    def expire(self, before_day: int, *, enough: Callable[[], bool] = lambda: False) -> int:
        """Delete counters and kept answers of earlier days, each step a transaction of its own."""
        total = 0
        for expire in (self.counters.expire, self.answers.expire):
            deleted = _STEP
            while deleted:
                with self.transaction() as step:
                    deleted = expire(step.connection, before_day, _STEP)
                total += deleted
                if deleted and enough():
                    return total
        return total

    def check(self) -> None:
        """Take and release the write lock, and read the head."""
        with self.transaction() as trial:
            trial.connection.execute("SELECT max(sequence) FROM entry").fetchone()

    def close(self) -> None:
        """Close every connection."""
        self._checkpointer.stop()
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
                if self._replaying:
                    self._connection.execute("PRAGMA synchronous=OFF")
            database.begin_immediate(self._connection)
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
                for ledger in self._ledgers:
                    ledger.committed()
                self._checkpointer.nudge()
            else:
                self._connection.execute("ROLLBACK")
                for ledger in self._ledgers:
                    ledger.discard()
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
        self._mirror.close()
        for ledger in self._ledgers:
            ledger.reset()
        if connection is not None:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(reads_only=True) as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise LogStoreError.of(error) from error
