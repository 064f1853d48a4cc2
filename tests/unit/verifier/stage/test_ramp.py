"""When the calls of a load begin, and when it stops."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verifier.stage.percentile import percentile
from verifier.stage.ramp import FEWEST, WINDOW_SECONDS, Limits, Ramp, Window

LIMITS = Limits(p99_ms=100, errors=0.05)


@settings(max_examples=60, deadline=None)
@example(rate=1.0, seconds=1.0, share=5e-324)
@given(rate=st.floats(0.5, 500), seconds=st.floats(1, 100), share=st.floats(0, 1))
def test_calls_begin_in_order_and_within_the_time(rate: float, seconds: float, share: float) -> None:
    """Every call is due after the one before and before the end, and never faster than the rate."""
    ramp = Ramp(rate=rate, seconds=seconds, climb=share * seconds)
    due = [ramp.due(number) for number in range(min(ramp.calls, 500))]
    assert due[0] == 0
    assert all(later - sooner >= 0 for sooner, later in pairwise(due))
    assert ramp.due(ramp.calls - 1) <= seconds + 1e-6
    climbed = [number for number, at in enumerate(due) if at >= ramp.climb]
    gaps = [due[number] - due[number - 1] for number in climbed[1:]]
    assert all(gap == pytest.approx(1 / rate, rel=1e-3) for gap in gaps)


def test_a_ramp_rises_evenly() -> None:
    """Half the climb has a quarter of its calls, and the rest goes on at the full rate."""
    ramp = Ramp(rate=10, seconds=20, climb=10)
    assert ramp.calls == 150
    due = [ramp.due(number) for number in range(ramp.calls)]
    assert sum(at < 5 for at in due) == 13
    assert sum(at < 10 for at in due) == 50
    assert sum(10 <= at < 20 for at in due) == 100


def test_a_window_says_nothing_of_few_answers() -> None:
    """A first slow answer stops nothing."""
    window = Window(LIMITS)
    for number in range(FEWEST - 1):
        window.add(number * 0.01, 5_000, failed=True)
    assert window.exceeded() == ""
    window.add(0.5, 5_000, failed=True)
    assert "failed" in window.exceeded()


def test_slow_answers_stop_the_load_and_old_ones_do_not() -> None:
    """The 99th percentile of the last seconds counts; what is older is forgotten."""
    window = Window(LIMITS)
    for number in range(50):
        window.add(number * 0.01, 900, failed=False)
    assert "p99" in window.exceeded()
    for number in range(50):
        window.add(1 + WINDOW_SECONDS + number * 0.01, 20, failed=False)
    assert window.exceeded() == ""


def test_failed_calls_stop_the_load() -> None:
    """A share of failures above the limit is told as a share."""
    window = Window(LIMITS)
    for number in range(100):
        window.add(number * 0.01, 5, failed=number % 10 == 0)
    assert window.exceeded().startswith("10.0%")


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.99, 0), ([3], 0.5, 3), ([4, 1, 3, 2], 0.5, 2), (list(range(1, 101)), 0.99, 99), ([1, 2], 1.0, 2)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    """The smallest value that the share does not exceed."""
    assert percentile(values, share) == expected
