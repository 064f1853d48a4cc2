"""Log time against clocks that jump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.logtime import ClockAheadError, ClockFlag, LogClock

NOON = 1_790_000_000_000


def test_it_follows_two_clocks_in_step() -> None:
    """Where both clocks go on together, log time is the wall clock."""
    clock = LogClock(last_ms=NOON, wall_ms=NOON, mono=100.0)
    reading = clock.now(wall_ms=NOON + 5_000, mono=105.0)
    assert (reading.ms, reading.flag) == (NOON + 5_000, ClockFlag.IN_STEP)


def test_a_wall_clock_behind_the_log_continues_from_the_last_entry() -> None:
    """A clock put back an hour neither takes log time back nor lets a day's budget return."""
    clock = LogClock(last_ms=NOON, wall_ms=NOON - 3_600_000, mono=0.0)
    reading = clock.now(wall_ms=NOON - 3_590_000, mono=10.0)
    assert reading.ms == NOON + 9_000
    assert reading.flag is ClockFlag.CONTINUED


def test_a_wall_clock_far_ahead_waits_for_people() -> None:
    """More than 24 hours ahead is refused, unless it was confirmed."""
    with pytest.raises(ClockAheadError):
        LogClock(last_ms=NOON, wall_ms=NOON + 86_400_001, mono=0.0)
    clock = LogClock(last_ms=NOON, wall_ms=NOON + 86_400_001, mono=0.0, confirmed_ahead=True)
    assert clock.now(wall_ms=NOON + 86_400_001, mono=0.0).ms == NOON + 86_400_001


def test_the_slew_is_one_second_in_ten() -> None:
    """A jump of the running wall clock is followed by a tenth of the monotonic step at most."""
    clock = LogClock(last_ms=NOON, wall_ms=NOON, mono=0.0)
    reading = clock.now(wall_ms=NOON + 4_000_000, mono=10.0)
    assert (reading.ms, reading.flag) == (NOON + 11_000, ClockFlag.SLEWING)


@given(
    steps=st.lists(
        st.tuples(st.integers(-(10**12), 10**12), st.floats(-5, 10_000, allow_nan=False)), max_size=30
    )
)
def test_it_never_goes_back(steps: list[tuple[int, float]]) -> None:
    """Whatever both clocks do, log time does not decrease."""
    clock = LogClock(last_ms=NOON, wall_ms=NOON, mono=1_000.0)
    last, mono = NOON, 1_000.0
    for wall_jump, mono_step in steps:
        mono += mono_step
        reading = clock.now(wall_ms=NOON + wall_jump, mono=mono)
        assert reading.ms >= last
        last = reading.ms
