"""The rate of calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from verifier.limiter import RateLimiter


def test_a_burst_of_one_second_then_the_rate() -> None:
    """Ten calls a second: ten at once, then one each tenth of a second."""
    limiter = RateLimiter()
    assert [limiter.admit("a", 10, 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert limiter.admit("a", 10, 0.1)
    assert not limiter.admit("a", 10, 0.1)


def test_agencies_do_not_share() -> None:
    """One agency's calls do not use another's."""
    limiter = RateLimiter()
    assert limiter.admit("a", 1, 0.0)
    assert not limiter.admit("a", 1, 0.0)
    assert limiter.admit("b", 1, 0.0)


def test_no_bound_admits_all() -> None:
    """A rate of zero is no bound."""
    limiter = RateLimiter()
    assert all(limiter.admit("a", 0, 0.0) for _ in range(1_000))


@given(steps=st.lists(st.floats(0, 2), max_size=200), rate=st.integers(1, 50))
def test_never_more_than_the_rate(steps: list[float], rate: int) -> None:
    """Over any time no more calls are admitted than rate times time and one burst."""
    limiter, now, admitted = RateLimiter(), 0.0, 0
    for step in steps:
        now += step
        admitted += limiter.admit("a", rate, now)
    assert admitted <= rate * now + rate + 1
