"""Whether two protected references can be linked: D_sys of Gomez-Barrero et al. (IEEE TIFS 13(6), 2018).

Scores of two references of one person are held against scores of two people's, all under different keys. With m and n
the shares of mated and non-mated scores in a bin of a histogram, equal odds before, and a linking attacker who knows
both densities:

    D(bin) = max(0, (m - n) / (m + n))        D_sys = sum over bins of m D(bin)

0 is unlinkable, 1 fully linkable. A histogram of few scores is never flat, so the estimate lies above the truth: its
floor, the same estimate between two samples of non-mated scores, always stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS: Final = 100
_FOR_A_BIN: Final = 10
"""Scores for each bin where there are too few for 100."""


def d_sys(mated: NDArray[np.float64], non_mated: NDArray[np.float64]) -> float:
    """Estimate D_sys.

    Args:
        mated: scores of references of one person, at least 10.
        non_mated: scores of references of two people, at least 10.

    Raises:
        ValueError: a side has fewer.
    """
    if min(mated.size, non_mated.size) < _FOR_A_BIN:
        raise ValueError("D_sys needs at least 10 scores on each side")
    low = min(mated.min(), non_mated.min())
    high = max(mated.max(), non_mated.max())
    if low == high:
        return 0.0
    bins = min(BINS, mated.size // _FOR_A_BIN)
    m, n = (np.histogram(side, bins=bins, range=(low, high))[0] / side.size for side in (mated, non_mated))
    both = m + n
    linkable = np.divide(m - n, both, out=np.zeros_like(both), where=both > 0)
    return float(np.sum(m * np.maximum(linkable, 0)))
