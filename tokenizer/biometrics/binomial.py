"""How sure a counted rate is: exact binomial intervals (Clopper and Pearson 1934), and the rule of three.

Assumes independent trials. Comparisons that share a person are not quite independent (ISO/IEC 19795-1, B.1), so the
intervals are a little too narrow where few people give many comparisons.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIDENCE: Final = 0.95
_STEPS: Final = 60
"""Halvings of [0, 1]: far below what a float tells apart in a rate."""


class Interval(NamedTuple):
    """Between which rates the true one lies, as shares of 1."""

    low: float
    high: float


def upper(count: int, trials: int, *, confidence: float = CONFIDENCE) -> float:
    """Give the highest rate that would show so few events, one-sided.

    Where nothing was seen it is 1 - (1 - confidence)^(1/trials), the "rule of three": 3 / trials for 95 %.

    Args:
        count: events seen, at most `trials`.
        trials: at least 1.
        confidence: 0 to 1.
    """
    tail = 1 - confidence
    if count == 0:
        return float(-math.expm1(math.log(tail) / trials))
    if count == trials:
        return 1.0
    return _root(lambda rate: _at_most(count, trials, rate) > tail)


def lower(count: int, trials: int, *, confidence: float = CONFIDENCE) -> float:
    """Give the lowest rate that would show so many events, one-sided; arguments as for `upper`."""
    return 1 - upper(trials - count, trials, confidence=confidence)


def interval(count: int, trials: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Give the two-sided interval; one-sided where nothing, or everything, was seen."""
    if count == 0:
        return Interval(0.0, upper(0, trials, confidence=confidence))
    if count == trials:
        return Interval(lower(trials, trials, confidence=confidence), 1.0)
    each = (1 + confidence) / 2
    return Interval(lower(count, trials, confidence=each), upper(count, trials, confidence=each))


def _root(below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def _at_most(count: int, trials: int, rate: float) -> float:
    """Sum the binomial probabilities of 0 to `count` events, by their logarithms."""
    if count > trials // 2:
        return 1 - _at_most(trials - count - 1, trials, 1 - rate)
    events = np.arange(1, count + 1)
    ratios = np.log((trials - events + 1) / events) + math.log(rate) - math.log1p(-rate)
    logs = np.concatenate(([0.0], np.cumsum(ratios))) + trials * math.log1p(-rate)
    return float(np.exp(logs).sum())
