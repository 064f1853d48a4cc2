"""How fast something grows, by samples of which neighbours are alike: a line, and how sure its slope is."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 8
_T_6 = 2.447
"""Student's t for 95 % on both sides and BLOCKS - 2 degrees of freedom."""


def fit(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Fit a line to all samples; gives its slope, and half of a 95 % interval by the means of BLOCKS blocks of them."""
    slope = statistics.linear_regression(times, values).slope
    size = len(times) // BLOCKS
    if not size:
        return slope, math.inf
    means = [
        (statistics.fmean(times[at : at + size]), statistics.fmean(values[at : at + size]))
        for at in range(0, size * BLOCKS, size)
    ]
    line = statistics.linear_regression(*zip(*means, strict=True))
    left = sum((value - line.intercept - line.slope * at) ** 2 for at, value in means) / (BLOCKS - 2)
    middle = statistics.fmean(at for at, _ in means)
    return slope, _T_6 * math.sqrt(left / sum((at - middle) ** 2 for at, _ in means))
