"""A counted rate comes with how sure it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.biometrics.binomial import interval, lower, upper


def at_most(count: int, trials: int, rate: float) -> float:
    """Sum binomial probabilities by their definition."""
    return sum(math.comb(trials, i) * rate**i * (1 - rate) ** (trials - i) for i in range(count + 1))


@pytest.mark.parametrize(
    ("count", "trials", "low", "high"),
    [(1, 10, 0.0025286, 0.4450161), (5, 10, 0.1870860, 0.8129140), (10, 1000, 0.0048055, 0.0183147)],
)
def test_intervals_are_those_of_the_tables(count: int, trials: int, low: float, high: float) -> None:
    """The exact intervals of Clopper and Pearson, as published tables have them."""
    assert interval(count, trials) == pytest.approx((low, high), abs=2e-6)


@pytest.mark.parametrize("trials", [100, 3000, 30_000])
def test_where_nothing_was_seen_three_rules(trials: int) -> None:
    """Of nothing seen in n trials the rate is at most 3 / n, nearly, and the other way round."""
    assert upper(0, trials) == pytest.approx(3 / trials, rel=0.02)
    assert interval(0, trials) == (0.0, upper(0, trials))
    assert interval(trials, trials) == pytest.approx((1 - upper(0, trials), 1.0))


@given(st.integers(2, 200), st.data())
def test_the_bounds_are_where_the_probability_is(trials: int, data: st.DataObject) -> None:
    """At the upper limit so few events, and at the lower so many, have a probability of one in twenty."""
    count = data.draw(st.integers(1, trials - 1))
    assert at_most(count, trials, upper(count, trials)) == pytest.approx(0.05, rel=1e-6)
    assert 1 - at_most(count - 1, trials, lower(count, trials)) == pytest.approx(0.05, rel=1e-6)
