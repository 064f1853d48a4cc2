"""A ledger on SQLite: numbers by day and random key, of which every change is a commit's.

A table row for each change would rewrite a page for each, because the keys are random. Instead a commit appends one
row with all of its group's changes (the journal), and the values live in memory, at most about LIMIT of them. Past
that, or where the journal has become long with changes of a few numbers, each commit also moves a slice of them, in the
table's order, into a table; when a round has moved all that were there at its start, the journal's older rows go.
Values are absolute and the journal's last word counts, so after a crash journal over table gives every number as it was
committed, whatever had moved.

Another process may write too: under the write lock, the first use in a transaction reads what it appended, or
everything anew where it can not tell. A process that never asks for a number holds none.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping

_T = TypeVar("_T")

LIMIT = 100_000
"""Numbers in memory before they begin to move; some 150 bytes each."""
_LONG = 16
"""Changes in the journal, for each number that memory may hold, past which it is shortened: who opens the log reads
them all, within a second."""
_BUCKETS = 256
_SLICE = 64
_TRIM_STEP = 256
_CHANGE = struct.Struct(">16sQ")
_KEYS = 256

Buckets = list[dict[bytes, int]]
"""Numbers by their key's first byte: a bucket is sorted in no time, and lies together in the table."""


class Ledger:
    """A ledger of one SQLite file, for the one connection that writes. Every call is under the write lock."""

    def __init__(self, name: str, limit: int = LIMIT) -> None:
        """Prepare a ledger.

        Args:
            name: of the table (day, key, value); the journal's table (id, day, changes) is called name_change.
            limit: how many numbers to keep in memory.
        """
        self._limit = limit
        self._select = f"SELECT key, value FROM {name} WHERE day = ? AND key IN"  # noqa: S608 - our own names
        self._next_day = f"SELECT min(day) FROM {name} WHERE day > ?"  # noqa: S608 - as above
        self._upsert = (
            f"INSERT INTO {name} (day, key, value) VALUES (?,?,?)"  # noqa: S608 - as above
            " ON CONFLICT DO UPDATE SET value = excluded.value"
        )
        self._delete = (
            f"DELETE FROM {name} WHERE (day, key) IN (SELECT day, key FROM {name} WHERE day < ? LIMIT ?)"  # noqa: S608 - as above
        )
        journal = f"{name}_change"
        self._ends = f"SELECT (SELECT min(id) FROM {journal}), (SELECT max(id) FROM {journal})"  # noqa: S608 - as above
        self._since = f"SELECT id, day, changes FROM {journal} WHERE id > ? ORDER BY id"  # noqa: S608 - as above
        self._append = f"INSERT INTO {journal} (day, changes) VALUES (?,?)"  # noqa: S608 - as above
        self._trim = f"DELETE FROM {journal} WHERE id < min(?, (SELECT min(id) FROM {journal}) + ?)"  # noqa: S608 - as above
        # Rows stand in the order of their days, so the oldest are looked at, and not all of them. The newest row stays:
        # its number says whether another process has written since.
        self._forget = (
            f"DELETE FROM {journal} WHERE id < (SELECT min(id) FROM {journal}) + ?2 AND day < ?1"  # noqa: S608 - as above
            f" AND id < (SELECT max(id) FROM {journal})"
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next use reads it again. For a commit of which nobody knows how it ended."""
        self._recent: dict[int, Buckets] = {}
        self._size = 0  # an upper bound
        self._logged = 0  # changes in the journal since the last round began
        self._table_days: set[int] | None = None
        self._version: int | None = None
        self._last = 0
        self._round: list[tuple[int, int]] = []
        self._moving: list[bytes] = []
        self._moving_day = 0
        self._mark = self._trim_below = 0
        self._staged_moves: list[tuple[int, bytes]] = []
        self.discard()

    def discard(self) -> None:
        """Forget what the transaction staged, because it was rolled back."""
        self._unstage()
        self._is_current = False

    def _unstage(self) -> None:
        if self._staged_moves:
            # They did not move, so the round is not complete, and the journal keeps its rows until another one is.
            self._staged_moves, self._round, self._moving, self._trim_below = [], [], [], 0
        self._staged: tuple[int, Mapping[bytes, int]] | None = None
        self._staged_last = self._last

    def _sync(self, connection: sqlite3.Connection) -> None:
        """Take up what others wrote since the last transaction that asked for a number."""
        if self._is_current:
            return
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            first, last = connection.execute(self._ends).fetchone()
            if self._version is None or (first or 0) > self._last + 1 or (last or 0) < self._last:
                self.reset()
            for number, day, changes in connection.execute(self._since, (self._last,)):
                self._remember(day, _CHANGE.iter_unpack(changes))
                self._last = number
            self._table_days = None
            self._version = version
            self._unstage()
        self._is_current = True

    def read(self, connection: sqlite3.Connection, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Read numbers of a day; absent ones are zero."""
        self._sync(connection)
        recent = self._recent.get(day)
        values = {key: recent[key[0]].get(key, 0) for key in keys} if recent else dict.fromkeys(keys, 0)
        if day in self._days_in_table(connection):
            missing = [key for key in values if recent is None or key not in recent[key[0]]]
            for part in parts(missing):
                marks = ",".join("?" * len(part))
                values.update(connection.execute(f"{self._select} ({marks})", (day, *part)))
        return values

    def write(self, connection: sqlite3.Connection, changed: Mapping[bytes, int], day: int) -> None:
        """Append a group's changes, and move a slice into the table where memory is full."""
        if not changed and not self._is_current:
            return
        self._sync(connection)
        self._unstage()
        if changed:
            pack = _CHANGE.pack
            changes = b"".join([pack(key, value) for key, value in changed.items()])
            self._staged_last = connection.execute(self._append, (day, changes)).lastrowid or 0
            self._staged = (day, changed)
        self._move(connection, max(_SLICE, 2 * len(changed)))
        if self._trim_below and not connection.execute(self._trim, (self._trim_below, _TRIM_STEP)).rowcount:
            self._trim_below = 0

    def committed(self) -> None:
        """Make what the transaction staged the truth, because it was committed."""
        for day, key in self._staged_moves:
            buckets = self._recent[day]
            bucket = buckets[key[0]]
            del bucket[key]
            if not bucket:
                buckets[key[0]] = {}  # an emptied one keeps its size, and those of yesterday would all day
            if self._table_days is not None:
                self._table_days.add(day)
        self._size -= len(self._staged_moves)
        self._staged_moves = []
        if self._staged is not None:
            day, changed = self._staged
            self._remember(day, changed.items())
        self._last = self._staged_last
        self.discard()

    def days(self, connection: sqlite3.Connection) -> set[int]:
        """Name the days of which there are numbers."""
        self._sync(connection)
        return self._days_in_table(connection) | self._recent.keys()

    def expire(self, connection: sqlite3.Connection, before_day: int, count: int) -> int:
        """Delete numbers of earlier days, and as many journal rows; returns how many rows went, 0 at the end."""
        deleted = sum(
            connection.execute(statement, (before_day, count)).rowcount
            for statement in (self._delete, self._forget)
        )
        if not deleted:
            # What is forgotten is of no day that is still asked for, so it need not wait for the commit.
            for day in [day for day in self._recent if day < before_day]:
                del self._recent[day]
            self._round = [item for item in self._round if item[0] >= before_day]
            if self._moving_day < before_day:
                self._moving = []
            self._table_days = None
        return deleted

    def _remember(self, day: int, values: Iterable[tuple[bytes, int]]) -> None:
        buckets = self._recent.get(day)
        if buckets is None:
            buckets = self._recent[day] = [{} for _ in range(_BUCKETS)]
        count = 0
        for key, value in values:
            buckets[key[0]][key] = value
            count += 1
        self._size += count
        self._logged += count

    def _move(self, connection: sqlite3.Connection, count: int) -> None:
        moves: list[tuple[int, bytes]] = []
        while len(moves) < count and (self._moving or self._next_bucket()):
            wanted = len(moves) - count
            moves += [(self._moving_day, key) for key in self._moving[wanted:]]
            del self._moving[wanted:]
            if not self._moving and not self._round:
                self._trim_below = self._mark
                break
        self._staged_moves = moves
        connection.executemany(
            self._upsert, [(day, key, self._recent[day][key[0]][key]) for day, key in moves]
        )

    def _next_bucket(self) -> bool:
        """Choose what moves next; False where nothing has to."""
        if not self._round and not self._begin_round():
            return False
        while self._round and not self._moving:
            self._moving_day, number = self._round.pop()
            self._moving = sorted(self._recent[self._moving_day][number], reverse=True)
        if not self._moving:
            self._trim_below = self._mark
        return bool(self._moving)

    def _begin_round(self) -> bool:
        if self._size > self._limit:
            self._size = sum(len(bucket) for buckets in self._recent.values() for bucket in buckets)
        if self._size <= self._limit and self._logged <= _LONG * self._limit:
            return False
        self._logged = 0
        self._round = [(day, number) for day in sorted(self._recent) for number in range(_BUCKETS)][::-1]
        self._mark = self._last
        return True

    def _days_in_table(self, connection: sqlite3.Connection) -> set[int]:
        if self._table_days is None:
            self._table_days, day = set(), -1
            while (day := connection.execute(self._next_day, (day,)).fetchone()[0]) is not None:
                self._table_days.add(day)
        return self._table_days


def parts(keys: list[_T]) -> Iterator[list[_T]]:
    """Cut a list into statements' worth, of few lengths so that statements stay prepared; fills up by repetition."""
    for start in range(0, len(keys), _KEYS):
        part = keys[start : start + _KEYS]
        size = 1 << (len(part) - 1).bit_length()
        yield part + part[:1] * (size - len(part))
