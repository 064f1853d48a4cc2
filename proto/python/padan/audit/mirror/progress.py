"""How far a long run is, on standard error: a line every few seconds, with rate and time left."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from padan import times

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

PERIOD: Final = 5.0


class Progress:
    """Counts what is done."""

    def __init__(
        self,
        what: str,
        total: int,
        *,
        sink: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            what: the noun that is counted.
            total: how many there are.
            sink: default standard error.
            clock: seconds.
        """
        self._what = what
        self._total = total
        self._sink = sink or sys.stderr
        self._clock = clock
        self._began = self._said = clock()
        self.done = 0

    def add(self, count: int) -> None:
        """Count some as done."""
        self.done += count
        now = self._clock()
        if now - self._said >= PERIOD:
            self._said = now
            self._sink.write(self.line(now) + "\n")
            self._sink.flush()

    def line(self, now: float) -> str:
        """Say how far it is."""
        rate = self.done / max(now - self._began, 1e-9)
        left = times.span(max(self._total - self.done, 0) / rate) if rate else "unknown"
        return f"{self.done:,} of {self._total:,} {self._what}; {rate:,.0f}/s; {left} left"
