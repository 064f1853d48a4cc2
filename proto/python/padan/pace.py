"""How fast one caller asks for one proof after another: a pure pace, found by what the service refuses.

A service admits so many calls a second of each caller, divided among its workers, and a connection leads to one of
them: how many come through cannot be known, only tried. While calls are answered their rate grows by a quarter of a
call a second each second, a refusal for the rate halves it. Steps up that are added and steps down that are shares also
find a fair part among callers who know nothing of each other (Chiu and Jain, 1989).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORTEST: Final = 0.01
"""Seconds; a service of one worker admits a hundred proofs a second."""
LONGEST: Final = 1.0
"""Seconds; however many workers share the rate, each admits a call a second."""
GROWTH: Final = 0.25
"""Calls a second that a second adds."""
SLOWER: Final = 2.0
"""What a refusal makes of the pause."""
MOST_WAIT: Final = 600.0
"""Seconds; a service cannot send a caller away for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A pace.

    Attributes:
        pause: seconds between an answer and the next call.
        at: when the next call may be made, monotonic seconds.
    """

    pause: float = SHORTEST
    at: float = 0.0

    def answered(self, now: float) -> Pace:
        """Go on a little faster: the service had room for the call.

        Args:
            now: monotonic seconds.
        """
        # An answer stands for `pause` seconds, in which the rate 1 / pause grows by GROWTH * pause.
        pause = max(SHORTEST, self.pause / (1 + GROWTH * self.pause**2))
        return Pace(pause=pause, at=now + pause)

    def unanswered(self, now: float) -> Pace:
        """Go on as before: a service that does not answer says nothing of its rate.

        Args:
            now: monotonic seconds.
        """
        return Pace(pause=self.pause, at=now + self.pause)

    def refused(self, now: float, retry_after: float | None) -> Pace:
        """Go on more slowly, and not before the service wants it.

        Args:
            now: monotonic seconds.
            retry_after: seconds that the service asks for; None where it names none.
        """
        pause = min(LONGEST, self.pause * SLOWER)
        return Pace(pause=pause, at=now + max(pause, min(retry_after or 0.0, MOST_WAIT)))
