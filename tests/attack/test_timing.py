"""The timing test itself: it finds a leak that is there, and none that is not."""

from __future__ import annotations

import hashlib
import hmac
import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.attack import timing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = pytest.mark.attack

_KEY = b"k" * 32


def _macs(claims: Sequence[bytes]) -> list[bytes]:
    return [hmac.digest(_KEY, claim, hashlib.sha256)[:8] for claim in claims]


def _early_return(stored: Sequence[bytes], claims: Sequence[bytes]) -> bool:
    """Stop at the first claim that is wrong: what no verifier may do."""
    return all(
        hmac.compare_digest(hmac.digest(_KEY, claim, hashlib.sha256)[:8], known)
        for claim, known in zip(claims, stored, strict=True)
    )


def _every_claim(stored: Sequence[bytes], claims: Sequence[bytes]) -> bool:
    results = [hmac.compare_digest(mac, known) for mac, known in zip(_macs(claims), stored, strict=True)]
    return sum(results) == len(results)


def _measure(verify: Callable[[Sequence[bytes], Sequence[bytes]], bool], *, calls: int) -> timing.Report:
    """Time a verifier with the first or with the last of five claims wrong."""

    def latency(kind: int) -> float:
        claims = [os.urandom(12) for _ in range(5)]
        stored = _macs(claims)
        claims[0 if kind == 0 else 4] = os.urandom(12)
        begin = time.perf_counter_ns()
        verify(stored, claims)
        return (time.perf_counter_ns() - begin) / 1_000

    return timing.analyse(timing.collect(latency, calls=calls, seed=1))


def test_early_return_is_found() -> None:
    """A verifier that stops at the first wrong claim fails the test."""
    report = _measure(_early_return, calls=6_000)
    assert abs(report.max_t) > timing.T_LIMIT
    assert report.distinguishable


@pytest.mark.long
def test_evaluating_every_claim_is_not_found() -> None:
    """A verifier that evaluates every claim passes the test; on a machine that has nothing else to do."""
    report = _measure(_every_claim, calls=12_000)
    assert not report.distinguishable


def test_small_difference_under_heavy_tail_is_found() -> None:
    """A shift of 3 % under a heavy tail is seen once the tail is cropped."""
    order = random.Random(7)

    def latency(kind: int) -> float:
        tail = order.paretovariate(1.1) * 200 if order.random() < 0.2 else 0.0
        return order.gauss(100, 10) + 3 * kind + tail

    report = timing.analyse(timing.collect(latency, calls=8_000, seed=2))
    assert abs(report.max_t) > timing.T_LIMIT
    assert report.kept < 1


def test_same_distribution_is_not_found() -> None:
    """Classes drawn from one heavy-tailed distribution pass, for each of ten seeds."""
    for seed in range(10):
        order = random.Random(seed)
        samples = timing.collect(lambda _kind: order.lognormvariate(5, 0.4), calls=6_000, seed=seed)  # noqa: B023
        assert abs(timing.analyse(samples).max_t) < timing.T_LIMIT


def test_constants_that_differ_are_found() -> None:
    """Two constant latencies that differ have an infinite t."""
    report = timing.analyse(timing.collect(lambda kind: 100.0 + kind, calls=1_000, seed=3))
    assert report.distinguishable
