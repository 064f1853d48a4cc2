"""Error rates of a comparison, as ISO/IEC 19795-1 defines them, from scores of genuine and of impostor pairs.

A pair is accepted where its score reaches the threshold. FMR is the share of impostor pairs that are accepted, FNMR the
share of genuine pairs that are not; what is refused for its quality stands apart. Rates are shares of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from tokenizer.biometrics import binomial

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tokenizer.biometrics.binomial import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a threshold means.

    Attributes:
        threshold: the lowest score that is accepted.
        false_matches: impostor pairs that are accepted, of `impostors`.
        false_non_matches: genuine pairs that are not, of `genuine`.
    """

    threshold: float
    false_matches: int
    impostors: int
    false_non_matches: int
    genuine: int

    @property
    def fmr(self) -> float:
        """The false match rate."""
        return self.false_matches / self.impostors

    @property
    def fnmr(self) -> float:
        """The false non-match rate."""
        return self.false_non_matches / self.genuine

    @property
    def fmr_interval(self) -> Interval:
        """Between what the true false match rate lies (95 %)."""
        return binomial.interval(self.false_matches, self.impostors)

    @property
    def fnmr_interval(self) -> Interval:
        """Between what the true false non-match rate lies (95 %)."""
        return binomial.interval(self.false_non_matches, self.genuine)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Curve:
    """The trade between the two errors, over all thresholds.

    Attributes:
        genuine: scores of pairs that belong together, ascending.
        impostors: scores of pairs that do not, ascending.
    """

    genuine: NDArray[np.float64]
    impostors: NDArray[np.float64]

    @classmethod
    def of(cls, genuine: ArrayLike, impostors: ArrayLike) -> Self:
        """Sort the scores.

        Raises:
            ValueError: a side is empty, or a score is not a finite number.
        """
        sides = [np.sort(np.asarray(side, dtype=np.float64).ravel()) for side in (genuine, impostors)]
        if not all(side.size and np.isfinite(side).all() for side in sides):
            raise ValueError("each side needs scores, all of them finite numbers")
        return cls(genuine=sides[0], impostors=sides[1])

    def at(self, threshold: float) -> Point:
        """Count the errors at a threshold."""
        below = int(np.searchsorted(self.impostors, threshold, side="left"))
        return Point(
            threshold=threshold,
            false_matches=self.impostors.size - below,
            impostors=self.impostors.size,
            false_non_matches=int(np.searchsorted(self.genuine, threshold, side="left")),
            genuine=self.genuine.size,
        )

    def at_false_matches(self, count: int) -> Point:
        """Find the lowest threshold at which at most `count` impostor pairs, fewer than all, are accepted."""
        highest_refused = self.impostors[self.impostors.size - 1 - count]
        return self.at(float(np.nextafter(highest_refused, np.inf)))

    def at_fmr(self, fmr: float) -> Point:
        """Find the lowest threshold at which the false match rate is at most `fmr`, a share below 1."""
        # A share such as 0.001 is a little more or less than written; so much must not cost a whole pair.
        return self.at_false_matches(int(fmr * self.impostors.size + 1e-9))

    def rates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give FMR and FNMR at every threshold that tells scores apart, from the lowest to one above all."""
        thresholds = np.unique(np.concatenate((self.genuine, self.impostors)))
        thresholds = np.append(thresholds, np.inf)
        accepted = self.impostors.size - np.searchsorted(self.impostors, thresholds, side="left")
        refused = np.searchsorted(self.genuine, thresholds, side="left")
        return accepted / self.impostors.size, refused / self.genuine.size

    @property
    def eer(self) -> float:
        """The equal error rate, as FVC2000 counts it where no threshold makes both rates equal (Maio et al. 2002).

        Of the last threshold with FNMR <= FMR and the first one with FNMR >= FMR the one with the lower sum counts,
        with the mean of its rates.
        """
        fmr, fnmr = self.rates()
        before = int(np.flatnonzero(fnmr <= fmr)[-1])
        after = int(np.flatnonzero(fnmr >= fmr)[0])
        return min(float(fmr[at] + fnmr[at]) for at in (before, after)) / 2
