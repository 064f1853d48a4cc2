"""A monotonic clock that a test moves."""

from __future__ import annotations


class Clock:
    """The clock.

    Attributes:
        now: what it shows, seconds.
    """

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Read it."""
        return self.now
