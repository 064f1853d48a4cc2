"""Weighted choice at the price of one random number: values spread over a table in proportion to their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
SIZE = 2000


def spread(weights: Mapping[T, float], size: int = SIZE) -> tuple[T, ...]:
    """Spread values over a table of `size` places, so that an even draw of a place is a weighted draw of a value.

    Weights are met to one part in `size`; a value with any weight has a place.
    """
    total, places, reached = sum(weights.values()), list[T](), 0.0
    for value, weight in weights.items():
        reached += weight
        wanted = max(len(places) + (weight > 0), round(reached / total * size))
        places += [value] * (wanted - len(places))
    return tuple(places)
