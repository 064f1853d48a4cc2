"""When the calls of a load begin, and when it must stop. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from verifier.stage.percentile import percentile

WINDOW_SECONDS: Final = 3.0
FEWEST: Final = 20
"""Answers in the window before it says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Calls that begin rarely, and more and more often until a rate is reached.

    Attributes:
        rate: calls a second in the end.
        seconds: from the first call to the last.
        climb: seconds in which the rate rises from nothing.
    """

    rate: float
    seconds: float
    climb: float

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return max(1, int(self.rate * (self.seconds - self.climb / 2)))

    def due(self, number: int) -> float:
        """Say when a call begins, seconds after the first one's time.

        Args:
            number: of the call, 0 for the first.
        """
        climbing = self.rate * self.climb / 2
        if number <= climbing:
            return math.sqrt(2 * number * self.climb / self.rate)
        return self.climb + (number - climbing) / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a load may do to the service before it stops by itself.

    Attributes:
        p99_ms: the 99th percentile of the answers' times, milliseconds.
        errors: share of calls that fail.
    """

    p99_ms: float
    errors: float


@dataclass(slots=True)
class Window:
    """The last few seconds of answers."""

    limits: Limits
    _answers: deque[tuple[float, float, bool]] = field(default_factory=deque)

    def add(self, at: float, milliseconds: float, *, failed: bool) -> None:
        """Take an answer, at a time in seconds that does not go back by more than a moment."""
        self._answers.append((at, milliseconds, failed))
        while self._answers[0][0] < at - WINDOW_SECONDS:
            self._answers.popleft()

    def exceeded(self) -> str:
        """Say which limit is exceeded; empty for none."""
        answers = list(self._answers)
        if len(answers) < FEWEST:
            return ""
        failed = sum(1 for _, _, each in answers if each) / len(answers)
        if failed > self.limits.errors:
            return f"{failed:.1%} of the calls of the last {WINDOW_SECONDS:g} s failed"
        slow = percentile([milliseconds for _, milliseconds, _ in answers], 0.99)
        if slow > self.limits.p99_ms:
            return f"p99 of the last {WINDOW_SECONDS:g} s was {slow:,.0f} ms"
        return ""
