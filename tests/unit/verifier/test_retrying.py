"""When a process that cannot work yet tries again, and what it says."""

from __future__ import annotations

from keys.errors import KeyAgentAwayError, KeyAgentSealedError
from verifier.retrying import SECONDS, Retry


class Clock:
    """A monotonic clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_an_ordinary_failure_is_tried_and_told_every_two_seconds() -> None:
    """Nothing is tried in between, and each failure is said."""
    clock = Clock()
    retry = Retry(monotonic=clock)
    assert retry.is_due()
    retry.begin()
    assert retry.is_news(KeyAgentAwayError("away"))
    assert retry.is_news(KeyAgentAwayError("away"))
    clock.now += SECONDS - 0.1
    assert not retry.is_due()
    clock.now += 0.1
    assert retry.is_due()


def test_while_sealed_it_tries_soon_and_says_each_thing_once() -> None:
    """A share that came is news, the same again is not; after the end of the seal it is eager for a while."""
    clock = Clock()
    retry = Retry(monotonic=clock)
    retry.begin()
    assert retry.is_news(KeyAgentSealedError("missing: 2"))
    clock.now += 0.2
    assert retry.is_due()
    retry.begin()
    assert not retry.is_news(KeyAgentSealedError("missing: 2"))
    assert retry.is_news(KeyAgentSealedError("missing: 1"))
    clock.now += 0.2
    retry.begin()
    assert retry.is_news(KeyAgentAwayError("the writer is not there yet"))
    clock.now += 0.2
    assert retry.is_due()
    clock.now += 60
    retry.begin()
    clock.now += 0.3
    assert not retry.is_due()
