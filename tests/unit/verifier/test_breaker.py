"""The breaker: when it opens, whom it lets through, and what closes it."""

from __future__ import annotations

import pytest

from verifier.breaker import FAILURES, PROBE_SECONDS, SLOW_FAILURES, SLOW_SECONDS, Breaker


class Clock:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Read it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.mark.parametrize(("seconds", "count"), [(0.0, FAILURES), (SLOW_SECONDS, SLOW_FAILURES)])
def test_failures_in_a_row_open_it(clock: Clock, seconds: float, count: int) -> None:
    """Quick failures take a few, slow ones fewer; one less, or a success in between, and it stays closed."""
    told: list[bool] = []
    breaker = Breaker(clock, on_change=told.append)
    for _ in range(3):
        for _ in range(count - 1):
            breaker.failed(seconds)
            assert breaker.admits()
        breaker.succeeded()
    for _ in range(count):
        breaker.failed(seconds)
    assert breaker.is_open
    assert not breaker.admits()
    breaker.failed(seconds)
    assert told == [True]


def test_a_success_closes_it(clock: Clock) -> None:
    """The first thing that works lets everybody pass again, and failures count from the beginning."""
    told: list[bool] = []
    breaker = Breaker(clock, on_change=told.append)
    for _ in range(FAILURES):
        breaker.failed(0)
    breaker.succeeded()
    breaker.succeeded()
    assert breaker.admits()
    assert told == [True, False]
    breaker.failed(SLOW_SECONDS)
    assert breaker.admits()


def test_without_probes_a_caller_is_one(clock: Clock) -> None:
    """Where nobody probes one caller passes now and then; where somebody does, none."""
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed(0)
    clock.now += PROBE_SECONDS - 0.1
    assert not breaker.admits()
    breaker.probing()
    clock.now += 0.2
    assert not breaker.admits()
    clock.now += PROBE_SECONDS
    assert breaker.admits()
    assert not breaker.admits()
