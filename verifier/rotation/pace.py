"""A limit on rows a second, kept evenly, so that what runs beside is never waited on for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    _ItemT = TypeVar("_ItemT")

STRIDE: Final = 256
"""Rows between two looks at the clock."""


class Pace:
    """Holds up whoever is ahead of a rate.

    Args:
        rate: rows a second; 0 for no limit.
        clock: monotonic seconds.
        sleep: waits.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._due = float("-inf")

    def spend(self, rows: int) -> None:
        """Take notice of rows that were done, and wait until the next ones are due."""
        if not self._rate:
            return
        self._due = max(self._due, self._clock()) + rows / self._rate
        ahead = self._due - self._clock()
        if ahead > 0:
            self._sleep(ahead)

    def keep(self, items: Iterable[_ItemT]) -> Iterator[_ItemT]:
        """Yield items, one a row, at the rate."""
        if not self._rate:
            yield from items
            return
        for count, item in enumerate(items, 1):
            yield item
            if count % STRIDE == 0:
                self.spend(STRIDE)
