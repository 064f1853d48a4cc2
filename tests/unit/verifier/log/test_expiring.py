"""What is over goes a while at a time, on each engine."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tests.unit.verifier.log.rows import DAY, answer, key, request
from tests.unit.verifier.log.test_store import store
from verifier.retention.duty import Expiry

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from verifier.log.store import LogStore

__all__ = ["store"]


def test_a_turn_of_expiry_is_short_and_the_next_goes_on(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who would stop it waits for a whole day's rows; once nothing is left it rests for a while."""
    answered, gone, clock = range(3_000), list[int](), itertools.count(step=3)
    with store.transaction() as transaction:
        transaction.claim_replays([request(number) for number in answered])
        transaction.counters([key(0)], DAY)
        transaction.write({key(0): 1}, DAY, [], [answer(number) for number in answered])
    expire = store.expire

    def noting(before_day: int, *, enough: Callable[[], bool]) -> int:
        gone.append(expire(before_day, enough=enough))
        return gone[-1]

    monkeypatch.setattr(store, "expire", noting)
    expiry = Expiry(store, lambda: DAY + 1, clock=lambda: float(next(clock)))
    for _ in range(30):
        expiry.turn()
    assert sum(gone) >= len(answered)
    assert max(gone) < sum(gone), "not all in one turn"
    assert len(gone) < 30, "and once nothing is left none for a while"
