"""Counters and kept answers whose day is over, on PostgreSQL: deleted in turns, once a day.

The answers have no index by day, which would cost every one of them an insert; so their table is read, a stretch of
pages a step, and of a nation's that is many gigabytes. A day that was gone through is not gone through again: nothing
is written for a day that is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP: Final = 1_000
_COUNTERS: Final = (
    "DELETE FROM counter WHERE (day, key) IN"
    " (SELECT day, key FROM counter WHERE day < %s LIMIT %s FOR UPDATE SKIP LOCKED)"
)
_ANSWERS: Final = "DELETE FROM replay WHERE ctid >= %s::tid AND ctid < %s::tid AND day < %s AND day > 0"
_PAGES: Final = "SELECT pg_relation_size('replay') / current_setting('block_size')::int"
_PAGES_A_STEP: Final = 256


class Expiry:
    """Deletes what is over. For one thread.

    Args:
        delete: deletes rows in a transaction of its own, by a statement and its values; returns how many went.
        read: reads a number likewise.
    """

    def __init__(
        self, *, delete: Callable[[str, tuple[int | str, ...]], int], read: Callable[[str], int]
    ) -> None:
        self._delete = delete
        self._read = read
        self._day = 0
        self._page = 0
        self._done = False
        self._gone = 0  # and not told yet

    def turn(self, before_day: int, *, enough: Callable[[], bool]) -> int:
        """Delete what is of earlier days, and go on with it at the next turn; returns how many rows went.

        Args:
            before_day: the first day that stays.
            enough: is asked after each step that was some work.

        Raises:
            LogStoreError: the database failed; the next turn does the step again, and tells what went before.
        """
        if before_day > self._day:
            self._day, self._page, self._done = before_day, 0, False
        if not self._done:
            self._done = self._go_on(enough)
        told, self._gone = self._gone, 0
        return told

    def _go_on(self, enough: Callable[[], bool]) -> bool:
        """Delete; True once nothing is left."""
        deleted = _STEP
        while deleted:
            deleted = self._delete(_COUNTERS, (self._day, _STEP))
            self._gone += deleted
            if deleted and enough():
                return False
        pages = self._read(_PAGES)
        while self._page < pages:
            span = (f"({self._page},0)", f"({self._page + _PAGES_A_STEP},0)")
            self._gone += self._delete(_ANSWERS, (*span, self._day))
            self._page += _PAGES_A_STEP
            if enough():
                return False
        return True
