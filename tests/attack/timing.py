"""Tells whether a latency tells a secret, of anything that can be called and timed.

The method is dudect's (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", DATE 2017).

Two classes of inputs of one provenance are measured in random order, so that drift and load meet both alike.
Welch's t-test compares their means, on all samples and below each of a series of percentiles, because the
tail of a busy machine hides a small difference. |t| above 4.5 says that the classes can be told apart.
"""

from __future__ import annotations

import bisect
import math
import random
import statistics
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T_LIMIT = 4.5
MEDIAN_LIMIT_US = 2.0
MEDIAN_LIMIT_RELATIVE = 0.005

_CROPS = 100
_ENOUGH = 200  # samples of each class that a cropped test needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Latencies of the two classes, microseconds, in the order they were measured."""

    first: Sequence[float]
    second: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the test says."""

    calls: int
    max_t: float  # the t of largest magnitude over all crops
    kept: float  # share of the samples in that test
    median_difference_us: float
    median_us: float
    noise_us: float  # by which the difference of the medians may be off, at three standard errors

    @property
    def medians_apart(self) -> bool:
        """Whether the medians differ by more than the mark, as far as this machine can tell."""
        mark = max(MEDIAN_LIMIT_US, MEDIAN_LIMIT_RELATIVE * self.median_us)
        return abs(self.median_difference_us) >= mark + self.noise_us

    @property
    def distinguishable(self) -> bool:
        """Whether an observer of these latencies can tell the classes apart."""
        difference = abs(self.median_difference_us)
        small = difference < MEDIAN_LIMIT_US or difference < MEDIAN_LIMIT_RELATIVE * self.median_us
        return abs(self.max_t) >= T_LIMIT or not small

    def __str__(self) -> str:
        """Print the figures beside their limits."""
        return (
            f"{self.calls} calls, max |t| {abs(self.max_t):.2f} (limit {T_LIMIT}) on {self.kept:.0%},"
            f" median difference {self.median_difference_us:+.2f} us of {self.median_us:.1f} us,"
            f" +- {self.noise_us:.2f} us by this machine's noise"
        )


def collect(latency: Callable[[int], float], *, calls: int, seed: int, warm_up: int = 100) -> Samples:
    """Measure two classes in random order.

    Args:
        latency: takes the class, 0 or 1, makes one call with a fresh input of that class, gives microseconds.
            It prepares the inputs of both classes by the same steps, outside the time that it takes.
        calls: in all, both classes together.
        seed: of the order.
        warm_up: calls that are not counted.
    """
    order = random.Random(seed)
    for number in range(warm_up):
        latency(number % 2)
    measured: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls):
        kind = order.getrandbits(1)
        measured[kind].append(latency(kind))
    return Samples(first=measured[0], second=measured[1])


class _Below:
    """Moments of the samples below a threshold, in constant time a threshold after one sort."""

    def __init__(self, values: Sequence[float], centre: float) -> None:
        self._ordered = sorted(value - centre for value in values)
        self._sums = [0.0, *accumulate(self._ordered)]
        self._squares = [0.0, *accumulate(value * value for value in self._ordered)]

    def moments(self, threshold: float) -> tuple[int, float, float]:
        """Give number, mean and variance."""
        number = bisect.bisect_right(self._ordered, threshold)
        if number < 2:
            return number, 0.0, 0.0
        mean = self._sums[number] / number
        return number, mean, max((self._squares[number] - number * mean * mean) / (number - 1), 0.0)


def _welch(first: tuple[int, float, float], second: tuple[int, float, float]) -> float:
    """Compute Welch's t; infinite where both are constant and differ."""
    difference = first[1] - second[1]
    error = math.sqrt(first[2] / first[0] + second[2] / second[0])
    if error:
        return difference / error
    return math.copysign(math.inf, difference) if difference else 0.0


def analyse(samples: Samples) -> Report:
    """Run the tests on all samples and on every crop."""
    pooled = sorted([*samples.first, *samples.second])
    centre = pooled[len(pooled) // 2]
    first, second = _Below(samples.first, centre), _Below(samples.second, centre)
    # Percentiles of dudect: dense towards the fast end's complement, 1 - 2^(-10 i / 100).
    cuts = [
        math.inf,
        *(pooled[int(len(pooled) * (1 - 0.5 ** (10 * i / _CROPS)))] - centre for i in range(1, _CROPS)),
    ]
    best, kept = 0.0, 1.0
    for cut in cuts:
        one, two = first.moments(cut), second.moments(cut)
        if cut != math.inf and min(one[0], two[0]) < _ENOUGH:
            continue
        value = _welch(one, two)
        if abs(value) > abs(best):
            best, kept = value, (one[0] + two[0]) / len(pooled)
    return Report(
        calls=len(pooled),
        max_t=best,
        kept=kept,
        median_difference_us=statistics.median(samples.first) - statistics.median(samples.second),
        median_us=centre,
        noise_us=_uncertainty(samples),
    )


def _uncertainty(samples: Samples) -> float:
    """Say by how much the difference of the medians may be off, in microseconds, at three standard errors.

    By order statistics: the ranks within which a median lies are binomial, whatever the distribution.
    """
    squares = 0.0
    for values in (samples.first, samples.second):
        ordered, half = sorted(values), 1.5 * math.sqrt(len(values))
        low, high = (
            ordered[min(max(int(len(values) / 2 + side), 0), len(values) - 1)] for side in (-half, half)
        )
        squares += ((high - low) / 2) ** 2
    return math.sqrt(squares)
