"""Error rates are those of ISO/IEC 19795-1, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.biometrics.accuracy import Curve

GENUINE = [0.9, 0.8, 0.7, 0.6, 0.4]
IMPOSTORS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.2, 0.1, 0.1, 0.65]


def test_rates_at_a_threshold_are_counted() -> None:
    """A score that equals the threshold is accepted, on both sides."""
    point = Curve.of(GENUINE, IMPOSTORS).at(0.4)
    assert (point.false_matches, point.impostors) == (4, 10)
    assert (point.false_non_matches, point.genuine) == (0, 5)
    above = Curve.of(GENUINE, IMPOSTORS).at(0.5)
    assert (above.fmr, above.fnmr) == (0.3, 0.2)


def test_the_equal_error_rate_lies_where_both_are_closest() -> None:
    """Above 0.5 one of ten impostors passes and one of five genuine fails: at 0.6 the rates are 0.1 and 0.2."""
    assert Curve.of(GENUINE, IMPOSTORS).eer == pytest.approx((0.1 + 0.2) / 2)


@pytest.mark.parametrize(
    ("genuine", "impostors", "eer"),
    [([0.9, 0.8], [0.1, 0.2], 0.0), ([0.1, 0.2], [0.8, 0.9], 1.0), ([0.5], [0.5], 0.5)],
)
def test_the_equal_error_rate_of_simple_cases(
    genuine: list[float], impostors: list[float], eer: float
) -> None:
    """Apart is 0, the wrong way round is 1, and what cannot be told apart is one half."""
    assert Curve.of(genuine, impostors).eer == eer


@pytest.mark.parametrize(
    ("fmr", "matches", "fnmr"), [(0.0, 0, 0.4), (0.05, 0, 0.4), (0.1, 1, 0.2), (0.2, 1, 0.2), (0.3, 3, 0.2)]
)
def test_the_threshold_of_a_rate_is_the_lowest_that_keeps_to_it(
    fmr: float, matches: int, fnmr: float
) -> None:
    """Of equal impostor scores none is accepted where not all of them may be."""
    point = Curve.of(GENUINE, IMPOSTORS).at_fmr(fmr)
    assert (point.false_matches, point.fnmr) == (matches, fnmr)
    assert Curve.of(GENUINE, IMPOSTORS).at(float(np.nextafter(point.threshold, 0))).fmr > fmr


def test_a_share_of_many_pairs_is_not_lost_to_rounding() -> None:
    """A rate of 0.001 of 3,000 pairs is three of them, though 0.001 is a little more than a thousandth."""
    impostors = np.arange(3000) / 3000
    for share, pairs in ((0.001, 3), (0.0003, 0), (0.07, 210)):
        assert Curve.of([1.0], impostors).at_fmr(share).false_matches == pairs


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=12),
    st.lists(st.integers(0, 20), min_size=1, max_size=12),
)
def test_rates_fall_and_rise_with_the_threshold(genuine: list[int], impostors: list[int]) -> None:
    """Over all thresholds FMR falls from 1 to 0 and FNMR rises from 0 to 1, each as counted by hand."""
    curve = Curve.of(genuine, impostors)
    fmr, fnmr = curve.rates()
    assert (fmr[0], fmr[-1], fnmr[0], fnmr[-1]) == (1, 0, 0, 1)
    assert (np.diff(fmr) <= 0).all()
    assert (np.diff(fnmr) >= 0).all()
    for threshold in range(21):
        point = curve.at(threshold)
        assert point.false_matches == sum(score >= threshold for score in impostors)
        assert point.false_non_matches == sum(score < threshold for score in genuine)
    assert 0 <= curve.eer <= 1


def test_each_rate_has_its_interval() -> None:
    """The intervals enclose the rates, and are one-sided where nothing was seen."""
    point = Curve.of(GENUINE, IMPOSTORS).at(0.5)
    assert point.fmr_interval.low < point.fmr < point.fmr_interval.high
    assert point.fnmr_interval.low < point.fnmr < point.fnmr_interval.high
    assert Curve.of(GENUINE, IMPOSTORS).at(0.7).fmr_interval.low == 0


@pytest.mark.parametrize(("genuine", "impostors"), [([], [0.1]), ([0.1], []), ([float("nan")], [0.1])])
def test_what_is_no_score_is_refused(genuine: list[float], impostors: list[float]) -> None:
    """An empty side and a score that is not a number make no curve."""
    with pytest.raises(ValueError, match="finite"):
        Curve.of(genuine, impostors)
