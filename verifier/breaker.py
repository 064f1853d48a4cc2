"""A breaker before a store: while the store is away, callers hear so at once instead of each waiting out its limit.

Closed, it lets everybody pass. It opens when failures come in a row, or when nothing has succeeded for a while; then
nobody passes but probes, which the service's own health makes, and whose first success closes it. Where nobody has
probed for a while, the next caller is the probe. Pure: the clock is passed in. Thread-safe.

It is never what decides an answer: who does not pass hears that the store is away, which is what it would hear later.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES: Final = 3
"""Failures in a row that open it: one lost connection, or one slow statement, does not."""
SLOW_FAILURES: Final = 2
"""Of failures that came only after SLOW_SECONDS fewer are enough, since each cost its caller that long."""
SLOW_SECONDS: Final = 0.5
PROBE_SECONDS: Final = 8.0
"""Without a probe for so long, a caller is let through as one."""


class Breaker:
    """Whether a store may be asked."""

    def __init__(
        self, clock: Callable[[], float], *, on_change: Callable[[bool], object] = lambda _: None
    ) -> None:
        """Make one that is closed.

        Args:
            clock: monotonic seconds.
            on_change: is told when it opens (True) and closes (False).
        """
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._failures = 0
        self._slow = 0
        self._open = False
        self._probed = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether callers are turned away."""
        return self._open

    def admits(self) -> bool:
        """Say whether a caller may pass; of a store that nobody has probed for long, one caller is let through."""
        if not self._open:
            return True
        with self._lock:
            now = self._clock()
            if now - self._probed < PROBE_SECONDS:
                return False
            self._probed = now
            return True

    def probing(self) -> None:
        """Note that a probe is on its way."""
        self._probed = self._clock()

    def succeeded(self) -> None:
        """Note that the store did what it was asked."""
        if not self._failures and not self._open:
            return  # the usual case costs no lock
        with self._lock:
            self._failures = self._slow = 0
            changed, self._open = self._open, False
        if changed:
            self._on_change(self._open)

    def failed(self, seconds: float) -> None:
        """Note that the store failed.

        Args:
            seconds: how long it took to.
        """
        with self._lock:
            self._failures += 1
            self._slow += seconds >= SLOW_SECONDS
            opens = not self._open and (self._failures >= FAILURES or self._slow >= SLOW_FAILURES)
            if opens:
                self._open = True
                self._probed = self._clock()
        if opens:
            self._on_change(self._open)
