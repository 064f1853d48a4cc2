"""When a call is made again: a pure schedule, the same for both clients.

Guarantees: only failures that say nothing was decided by the question itself (UNAVAILABLE, DEADLINE_EXCEEDED) are
retried, with growing pauses, and never beyond the caller's deadline. Safe only because every attempt sends the same
bytes: the service answers a request_id once and charges it once.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from padan.errors import TooLateError, UnavailableError

if TYPE_CHECKING:
    from padan.errors import PadanError

FIRST_PAUSE: Final = 0.05  # seconds; doubles with each attempt
LONGEST_PAUSE: Final = 1.0
_DOUBLINGS: Final = 5
SHARE: Final = (
    0.5  # of the time left that an attempt gets, so that a hanging connection leaves room for another
)
SHORTEST_ATTEMPT: Final = 0.25  # seconds; below this the rest is given whole
_JITTER = random.SystemRandom()


def attempt_timeout(left: float) -> float:
    """Compute the deadline of an attempt.

    Args:
        left: seconds to the caller's deadline.
    """
    if left * SHARE < SHORTEST_ATTEMPT:
        return max(left, 0.001)
    return left * SHARE


def pause(error: PadanError, attempt: int, left: float) -> float | None:
    """Compute how long to wait before the next attempt; None where there is none.

    Args:
        error: why the attempt failed.
        attempt: number of the attempt that failed, from 1.
        left: seconds to the caller's deadline.
    """
    if not isinstance(error, UnavailableError | TooLateError):
        return None
    longest = min(FIRST_PAUSE * 2 ** min(attempt - 1, _DOUBLINGS), LONGEST_PAUSE)
    # Full jitter: clients that failed together do not come back together.
    wait = max(_JITTER.uniform(longest / 2, longest), error.retry_after or 0.0)
    return wait if wait < left else None
