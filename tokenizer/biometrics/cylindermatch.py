"""Compares the cylinders of two impressions: local greedy similarity, and the unprotected comparison beside it.

Follows M. Ferrara, D. Maltoni and R. Cappelli, "Noninvertible Minutia Cylinder Code Representation", IEEE TIFS 7(6),
2012, for the greedy choice of pairs, and the paper of `tokenizer.biometrics.cylinder` for how two cylinders compare.
The unprotected comparison serves measuring alone: it says what protection costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokenizer.biometrics.cylinder import Cylinders

_TAKEN: Final = -np.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCount:
    """How many pairs of cylinders a score is the mean of: from `least` to `most` by the number k of cylinders.

    n = least + round((most - least) / (1 + exp(-slope (k - middle))))
    """

    least: int
    most: int
    middle: float = 20.0
    slope: float = 0.4

    def of(self, cylinders: int) -> int:
        """Say how many for an impression of this many cylinders."""
        share = 1 / (1 + math.exp(-self.slope * (cylinders - self.middle)))
        return self.least + round((self.most - self.least) * share)


PUBLISHED: Final = PairCount(least=4, most=10)
"""For the unprotected comparison."""
_CELLS_IN_COMMON: Final = 0.6
"""min_ME: the share of places that must be inside the hulls of both."""
_MOST_TURNED: Final = math.pi / 2
"""delta_theta: cylinders of minutiae whose angles differ by more do not compare."""


def greedy(similarities: NDArray[np.floating], count: int) -> float:
    """Take the most alike pair, again and again, without using a row or a column twice, and give the pairs' mean.

    Args:
        similarities: [k, m]; of equal ones the first is taken, row by row.
        count: how many pairs; 0 where there are none.
    """
    left = np.array(similarities)
    width = left.shape[1]
    count = min(count, *left.shape)
    total = 0.0
    for _ in range(count):
        row, column = divmod(int(left.argmax()), width)
        total += float(left[row, column])
        left[row] = _TAKEN
        left[:, column] = _TAKEN
    return total / count if count else 0.0


def contrast(similarities: NDArray[np.float32], *, weight: float, runners_up: int) -> NDArray[np.float32]:
    """Take from each similarity what the next best of its row and of its column have on average, weighted.

    A cylinder that looks like many others says little, so a pair counts by how far it stands out.

    Args:
        similarities: [k, m], each at least runners_up + 1.
        weight: of each average.
        runners_up: how many are averaged, after the best.
    """
    rows = np.sort(np.partition(similarities, -runners_up - 1, axis=1)[:, -runners_up - 1 :], axis=1)[:, :-1]
    columns = np.sort(np.partition(similarities, -runners_up - 1, axis=0)[-runners_up - 1 :], axis=0)[:-1]
    expected = rows.mean(axis=1, keepdims=True) + columns.mean(axis=0)
    standing: NDArray[np.float32] = (similarities - np.float32(weight) * expected).astype(np.float32)
    return standing


def similarities(probe: Cylinders, reference: Cylinders) -> NDArray[np.float64]:
    """Compare cylinders without protection (eq. 17): [k, m], 0 to 1, 0 where two do not compare."""
    ours, theirs = (side.inside.astype(np.float64) for side in (probe, reference))
    first, second = (np.where(side.inside[..., None], side.values, 0) for side in (probe, reference))
    product = first.reshape(len(first), -1) @ second.reshape(len(second), -1).T
    left = np.sum(first**2, axis=-1) @ theirs.T
    right = ours @ np.sum(second**2, axis=-1).T
    distance = np.sqrt(np.maximum(left + right - 2 * product, 0))
    lengths = np.sqrt(left) + np.sqrt(right)
    turned = np.abs(np.remainder(probe.angles[:, None] - reference.angles + np.pi, 2 * np.pi) - np.pi)
    comparable = (
        (ours @ theirs.T >= _CELLS_IN_COMMON * ours.shape[1]) & (turned <= _MOST_TURNED) & (lengths > 0)
    )
    found: NDArray[np.float64] = np.where(comparable, 1 - distance / np.where(lengths > 0, lengths, 1), 0)
    return found


def unprotected(probe: Cylinders, reference: Cylinders) -> float:
    """Score two impressions without protection: 0 to 1."""
    return greedy(similarities(probe, reference), PUBLISHED.of(min(len(probe), len(reference))))
