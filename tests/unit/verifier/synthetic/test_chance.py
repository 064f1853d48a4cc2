"""Weighted tables."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from verifier.synthetic.chance import spread


@given(st.dictionaries(st.integers(), st.floats(min_value=0.01, max_value=1e6), min_size=1, max_size=40))
def test_every_value_has_a_place_and_about_its_share(weights: dict[int, float]) -> None:
    """Each value stands in the table, in proportion to its weight."""
    table = spread(weights, 4000)
    counts, total = Counter(table), sum(weights.values())
    assert set(counts) == set(weights)
    for value, weight in weights.items():
        assert abs(counts[value] - weight / total * 4000) <= len(weights) + 1


def test_an_empty_weight_has_no_place() -> None:
    """A value of no weight is never drawn."""
    assert spread({"a": 1.0, "b": 0.0}, 10) == ("a",) * 10
