"""Noise for counts over lists: the two-sided geometric mechanism, drawn exactly. Pure but for its randomness.

    P(noise = k) = (1 - a) / (1 + a) * a^|k|,   a = 19/20

The difference of two independent counts of successes before the first failure, each success of probability a, has this
distribution, so it is drawn with whole numbers alone: no float is rounded, and nothing is cut off. One resident more or
less in a count of which each is at most one changes the odds of every answer by a factor of at most 1/a: epsilon is
ln(20/19), some 0.052 (Ghosh, Roughgarden, Sundararajan, "Universally utility-maximizing privacy mechanisms", 2009).
Holding an answer within what is possible looks at the answer alone, and costs nothing of that.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NUMERATOR: Final = 19
DENOMINATOR: Final = 20


def draw(below: Callable[[int], int] = secrets.randbelow) -> int:
    """Draw noise.

    Args:
        below: draws a whole number from 0 to below its argument, each as likely; the operating system's randomness.
    """
    return _successes(below) - _successes(below)


def within(count: int, most: int) -> int:
    """Hold a noisy count within what is possible, 0 to `most`."""
    return min(max(count, 0), most)


def _successes(below: Callable[[int], int]) -> int:
    found = 0
    while below(DENOMINATOR) < NUMERATOR:
        found += 1
    return found
