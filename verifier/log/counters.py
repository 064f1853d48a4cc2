"""The counters of the SQLite log: recent ones in memory, every change in a journal, the rest in a table.

A counter's key is random, so a table row for each change would rewrite a page for each. Instead a commit appends one
row with all of its group's changes (`counter_change`), and the values live in memory, at most about LIMIT of them.
Past that, each commit also moves a slice of them, in the table's order, into the table `counter`; when a round has
moved all that were there at its start, the journal's older rows go. Values are absolute and the journal's last word
counts, so after a crash journal over table gives every counter as it was committed, whatever had moved.

Another process may write too: under the write lock, `sync` reads what it appended, or everything anew where it can
not tell.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping

LIMIT = 300_000
"""Counters in memory before they begin to move; some 150 bytes each."""
_BUCKETS = 256
_SLICE = 64
_TRIM_STEP = 256
_CHANGE = struct.Struct(">16sI")
_MAX_VALUE = 0xFFFF_FFFF
_KEYS = 256
_UPSERT = (
    "INSERT INTO counter (day, key, value) VALUES (?,?,?) ON CONFLICT DO UPDATE SET value = excluded.value"
)
_APPEND = "INSERT INTO counter_change (day, changes) VALUES (?,?)"
_SELECT = "SELECT key, value FROM counter WHERE day = ? AND key IN"
_TRIM = "DELETE FROM counter_change WHERE id < min(?, (SELECT min(id) FROM counter_change) + ?)"
_ENDS = "SELECT (SELECT min(id) FROM counter_change), (SELECT max(id) FROM counter_change)"


Buckets = list[dict[bytes, int]]
"""Counters by their key's first byte: a bucket is sorted in no time, and lies together in the table."""


class CounterBook:
    """All counters of one SQLite log, for the one connection that writes. Every call is under the write lock."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next `sync` reads it again. For a commit of which nobody knows how it ended."""
        self._recent: dict[int, Buckets] = {}
        self._size = 0  # an upper bound
        self._in_table: dict[int, bool] = {}
        self._version: int | None = None
        self._last = 0
        self._round: list[tuple[int, int]] = []
        self._moving: list[bytes] = []
        self._moving_day = 0
        self._mark = self._trim_below = 0
        self.discard()

    def discard(self) -> None:
        """Forget what the transaction staged, because it was rolled back."""
        self._staged: tuple[int, Mapping[bytes, int]] | None = None
        self._staged_last = self._last
        self._staged_moves: list[bytes] = []

    def sync(self, connection: sqlite3.Connection) -> None:
        """Take up what others wrote since the last time; called first in a transaction."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        first, last = connection.execute(_ENDS).fetchone()
        if self._version is None or (first or 0) > self._last + 1 or (last or 0) < self._last:
            self.reset()
        for number, day, changes in connection.execute(
            "SELECT id, day, changes FROM counter_change WHERE id > ? ORDER BY id", (self._last,)
        ):
            self._remember(day, _CHANGE.iter_unpack(changes))
            self._last = number
        self._in_table.clear()
        self._version = version
        self.discard()

    def read(self, connection: sqlite3.Connection, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Read counters; absent ones are zero."""
        recent = self._recent.get(day)
        values = {key: recent[key[0]].get(key, 0) for key in keys} if recent else dict.fromkeys(keys, 0)
        if self._day_in_table(connection, day):
            missing = [key for key in values if recent is None or key not in recent[key[0]]]
            for part in _parts(missing):
                marks = ",".join("?" * len(part))
                values.update(connection.execute(f"{_SELECT} ({marks})", (day, *part)))
        return values

    def write(self, connection: sqlite3.Connection, changed: Mapping[bytes, int], day: int) -> None:
        """Append a group's changes, and move a slice into the table where memory is full."""
        self.discard()
        if changed:
            pack = _CHANGE.pack
            changes = b"".join([pack(key, min(value, _MAX_VALUE)) for key, value in changed.items()])
            self._staged_last = connection.execute(_APPEND, (day, changes)).lastrowid or 0
            self._staged = (day, changed)
        self._move(connection, max(_SLICE, len(changed)))
        if self._trim_below and not connection.execute(_TRIM, (self._trim_below, _TRIM_STEP)).rowcount:
            self._trim_below = 0

    def committed(self) -> None:
        """Make what the transaction staged the truth, because it was committed."""
        if self._staged_moves:
            buckets = self._recent[self._moving_day]
            for key in self._staged_moves:
                del buckets[key[0]][key]
            self._in_table[self._moving_day] = True
            self._size -= len(self._staged_moves)
            del self._moving[-len(self._staged_moves) :]
            if not self._moving and not self._round:
                self._trim_below = self._mark
        if self._staged is not None:
            day, changed = self._staged
            self._remember(day, changed.items())
        self._last = self._staged_last
        self.discard()

    def expired(self, before_day: int) -> None:
        """Forget earlier days, whose rows are gone."""
        for day in [day for day in self._recent if day < before_day]:
            del self._recent[day]
        self._round = [item for item in self._round if item[0] >= before_day]
        if self._moving_day < before_day:
            self._moving = []

    def _remember(self, day: int, values: Iterable[tuple[bytes, int]]) -> None:
        buckets = self._recent.get(day)
        if buckets is None:
            buckets = self._recent[day] = [{} for _ in range(_BUCKETS)]
        count = 0
        for key, value in values:
            buckets[key[0]][key] = value
            count += 1
        self._size += count

    def _move(self, connection: sqlite3.Connection, count: int) -> None:
        if not self._moving and not self._next_bucket():
            return
        self._staged_moves = self._moving[-count:]
        buckets, day = self._recent[self._moving_day], self._moving_day
        connection.executemany(
            _UPSERT, [(day, key, buckets[key[0]][key]) for key in reversed(self._staged_moves)]
        )

    def _next_bucket(self) -> bool:
        """Choose what moves next; False where nothing has to."""
        if not self._round:
            if self._size <= self._limit:
                return False
            self._size = sum(len(bucket) for buckets in self._recent.values() for bucket in buckets)
            if self._size <= self._limit:
                return False
            self._round = [(day, number) for day in sorted(self._recent) for number in range(_BUCKETS)][::-1]
            self._mark = self._last
        while self._round and not self._moving:
            self._moving_day, number = self._round.pop()
            self._moving = sorted(self._recent[self._moving_day][number], reverse=True)
        if not self._moving:
            self._trim_below = self._mark
        return bool(self._moving)

    def _day_in_table(self, connection: sqlite3.Connection, day: int) -> bool:
        known = self._in_table.get(day)
        if known is None:
            row = connection.execute("SELECT 1 FROM counter WHERE day = ? LIMIT 1", (day,)).fetchone()
            known = self._in_table[day] = row is not None
        return known


def _parts(keys: list[bytes]) -> Iterator[list[bytes]]:
    """Cut a list into statements' worth, of few lengths so that statements stay prepared."""
    for start in range(0, len(keys), _KEYS):
        part = keys[start : start + _KEYS]
        size = 1 << (len(part) - 1).bit_length()
        yield part + part[:1] * (size - len(part))
