"""The pace of a rotation."""

from __future__ import annotations

from verifier.rotation.pace import STRIDE, Pace


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def test_rows_come_at_the_rate() -> None:
    """Ten strides at 100 rows a second take as long as their rows do."""
    clock = Clock()
    pace = Pace(100, clock=clock, sleep=clock.sleep)
    items = list(pace.keep(range(10 * STRIDE)))
    assert items == list(range(10 * STRIDE))
    assert abs(clock.now - 10 * STRIDE / 100) < 0.01


def test_who_is_late_does_not_catch_up() -> None:
    """After a pause of the worker's own the rate is kept again, and not exceeded to make up for it."""
    clock = Clock()
    pace = Pace(100, clock=clock, sleep=clock.sleep)
    pace.spend(100)
    clock.now += 60
    began = clock.now
    pace.spend(100)
    assert clock.now - began == 1


def test_no_rate_never_waits() -> None:
    """Without a rate nobody sleeps."""
    clock = Clock()
    pace = Pace(0, clock=clock, sleep=clock.sleep)
    pace.spend(10**9)
    assert list(pace.keep(range(3 * STRIDE))) == list(range(3 * STRIDE))
    assert clock.now == 0
