"""Sorts answers into two kinds by whatever can be seen of an answer: a naive Bayes classifier.

It is trained on one half and judged on the other, both ways round, so that it cannot win by memory. The
figure is the area under the ROC curve: 0.5 is chance, 1.0 is certainty.
"""

from __future__ import annotations

import bisect
import math
import random
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Observation = Mapping[str, str | float]

_BINS = 16


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Give the chance that a positive scores above a negative; a tie counts half (Mann and Whitney)."""
    ordered = sorted(negative)
    wins = sum(
        (bisect.bisect_left(ordered, score) + bisect.bisect_right(ordered, score)) / 2 for score in positive
    )
    return wins / (len(positive) * len(ordered))


class _Bayes:
    """Log odds of each value; numbers are put into bins of equal count."""

    def __init__(self, positive: Sequence[Observation], negative: Sequence[Observation]) -> None:
        self._edges: dict[str, list[float]] = {}
        self._odds: dict[str, dict[str, float]] = {}
        for name in positive[0]:
            numbers = sorted(
                value for seen in (*positive, *negative) if isinstance(value := seen[name], int | float)
            )
            self._edges[name] = (
                [numbers[len(numbers) * i // _BINS] for i in range(1, _BINS)] if numbers else []
            )
            yes = Counter(self._value(name, seen[name]) for seen in positive)
            no = Counter(self._value(name, seen[name]) for seen in negative)
            self._odds[name] = {
                value: math.log((yes[value] + 1) / (len(positive) + 2))
                - math.log((no[value] + 1) / (len(negative) + 2))
                for value in yes | no
            }

    def _value(self, name: str, value: str | float) -> str:
        if isinstance(value, str):
            return value
        return str(bisect.bisect_right(self._edges[name], value))

    def score(self, seen: Observation) -> float:
        """Sum the log odds; a value never met says nothing."""
        return sum(self._odds[name].get(self._value(name, seen[name]), 0.0) for name in self._odds)


def separation(positive: Sequence[Observation], negative: Sequence[Observation], *, seed: int) -> float:
    """Train and judge a classifier, two halves both ways; give the mean AUC.

    Args:
        positive: what was seen of the answers of one kind; every observation has the same names.
        negative: of the other kind.
        seed: of the split into halves.
    """
    order = random.Random(seed)
    yes, no = list(positive), list(negative)
    order.shuffle(yes)
    order.shuffle(no)
    halves = [(yes[::2], no[::2]), (yes[1::2], no[1::2])]
    figures = []
    for train, judge in (halves, halves[::-1]):
        model = _Bayes(*train)
        figures.append(
            auc([model.score(seen) for seen in judge[0]], [model.score(seen) for seen in judge[1]])
        )
    return sum(figures) / len(figures)
