"""The pace at which proofs are asked for."""

from __future__ import annotations

import pytest

from padan.pace import LONGEST, MOST_WAIT, SHORTEST, Pace
from verifier.limiter import RateLimiter
from verifier.tree.proofs import PER_SECOND

ROUND_TRIP = 0.002
RETRY_AFTER = 1.0
"""Seconds that the service asks for."""


def run(limiter: RateLimiter, *, callers: int, seconds: float) -> tuple[list[int], int]:
    """Let callers of one certificate ask without end; gives how many calls of each were admitted, and the refusals."""
    paces = [Pace() for _ in range(callers)]
    admitted, refused, now = [0] * callers, 0, 0.0
    while now < seconds:
        number = min(range(callers), key=lambda each: paces[each].at)
        now = max(now, paces[number].at) + ROUND_TRIP
        if limiter.admit("agency/tax", PER_SECOND, now):
            admitted[number] += 1
            paces[number] = paces[number].answered(now)
        else:
            refused += 1
            paces[number] = paces[number].refused(now, RETRY_AFTER)
    return admitted, refused


@pytest.mark.parametrize("workers", [1, 2, 8, 32])
def test_a_pace_finds_the_rate_of_a_worker(workers: int) -> None:
    """Most of what one worker admits is used, whatever their number, and few calls are refused."""
    (admitted,), refused = run(RateLimiter(share=1 / workers), callers=1, seconds=600)
    assert admitted >= 0.6 * 600 * PER_SECOND / workers
    assert refused <= 0.1 * admitted


def test_callers_share_a_rate() -> None:
    """Two that know nothing of each other get about as much, and few of their calls are refused."""
    admitted, refused = run(RateLimiter(share=1 / 8), callers=2, seconds=600)
    assert min(admitted) >= 0.7 * max(admitted)
    assert refused <= 0.1 * sum(admitted)


def test_what_the_service_asks_for_is_waited() -> None:
    """The next call after a refusal comes when the service wants it, and never as late as never."""
    assert Pace(pause=0.1).refused(50.0, 7.5).at == 57.5
    assert Pace(pause=0.1).refused(50.0, None).at == pytest.approx(50.2)
    assert Pace(pause=0.1).refused(50.0, 0.05).at == pytest.approx(50.2)
    assert Pace(pause=0.1).refused(50.0, 1e9).at == 50.0 + MOST_WAIT


def test_a_pace_has_bounds() -> None:
    """It is never faster than the fastest service admits, nor slower than the slowest; silence leaves it as it is."""
    pace = Pace()
    for _ in range(20):
        pace = pace.refused(0.0, None)
    assert pace.pause == LONGEST
    assert pace.unanswered(3.0) == Pace(pause=LONGEST, at=3.0 + LONGEST)
    for _ in range(20_000):
        pace = pace.answered(0.0)
    assert pace.pause == SHORTEST
