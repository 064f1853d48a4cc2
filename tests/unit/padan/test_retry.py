"""The schedule of retries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import retry
from padan.errors import InternalError, NotGrantedError, PadanError, TooLateError, UnavailableError


@given(st.floats(0, 1000))
def test_an_attempt_never_outlives_the_deadline(left: float) -> None:
    """An attempt gets at most what is left, and always something."""
    given_time = retry.attempt_timeout(left)
    assert 0 < given_time <= max(left, 0.001)


@given(st.integers(1, 3), st.floats(0, 100), st.none() | st.floats(0, 100))
def test_a_pause_ends_before_the_deadline(attempt: int, left: float, retry_after: float | None) -> None:
    """A pause honours the service's hint and ends before the deadline, or there is none."""
    wait = retry.pause(UnavailableError("x", retry_after=retry_after), attempt, left)
    if wait is not None:
        assert (retry_after or 0) <= wait < left


@pytest.mark.parametrize("error", [NotGrantedError("x"), InternalError("x"), PadanError("x")])
def test_other_errors_are_not_retried(error: PadanError) -> None:
    """Only outages and deadlines are worth another attempt."""
    assert retry.pause(error, 1, 10) is None
    assert retry.pause(TooLateError("x"), 1, 10) is not None


def test_attempts_go_on_until_the_deadline() -> None:
    """However many attempts failed, there is another one while there is time, after a second at most."""
    for attempt in (6, 50, 5_000):
        wait = retry.pause(UnavailableError("x"), attempt, 10)
        assert wait is not None
        assert retry.LONGEST_PAUSE / 2 <= wait <= retry.LONGEST_PAUSE
    assert retry.pause(UnavailableError("x"), 50, 0.1) is None


def test_pauses_grow_and_vary() -> None:
    """Later pauses are longer, and not all the same."""
    waits = [
        [retry.pause(UnavailableError("x"), attempt, 10) or 0 for _ in range(20)] for attempt in (1, 2, 3)
    ]
    assert max(waits[0]) < max(waits[2])
    assert len(set(waits[0])) > 1
