"""Watching parts over time."""

from __future__ import annotations

from verifier.stage.errors import NotAliveError
from verifier.stage.liveness import Part, watch


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Say the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def test_every_part_is_tried_every_round() -> None:
    """Rounds go on for the time given, a dear part is tried once, and one that never fails passes."""
    clock, tried = Clock(), {"dear": 0, "cheap": 0}

    def attempt(name: str) -> str:
        tried[name] += 1
        return "fine"

    found = watch(
        [
            Part(name="dear", attempt=lambda: attempt("dear"), once=True),
            Part(name="cheap", attempt=lambda: attempt("cheap")),
        ],
        seconds=10, interval=2, clock=clock, sleep=clock.sleep,
    )  # fmt: skip
    assert tried == {"dear": 1, "cheap": 6}
    assert (found.passed, found.figures["rounds"], clock.now) == (True, 6, 10)


def test_one_failure_in_many_fails_the_part() -> None:
    """What was away once is told with how often, in our own words or by the class of the error alone."""
    clock, rounds = Clock(), []

    def sometimes() -> str:
        rounds.append(1)
        if len(rounds) == 2:
            raise NotAliveError("the service is not serving")
        if len(rounds) == 3:
            raise ConnectionResetError("a secret that a peer wrote")
        return "fine"

    found = watch(
        [Part(name="service", attempt=sometimes)], seconds=4, interval=1, clock=clock, sleep=clock.sleep
    )
    (criterion,) = found.criteria
    assert (found.passed, criterion.passed) == (False, False)
    assert criterion.found == "3 of 5 answers; the service is not serving"
    faults = found.figures["parts"]["service"]["faults"]
    assert faults == {"the service is not serving": 1, "ConnectionResetError": 1}


def test_no_time_at_all_is_one_round() -> None:
    """A part is tried at least once."""
    clock = Clock()
    found = watch(
        [Part(name="one", attempt=lambda: "fine")], seconds=0, interval=1, clock=clock, sleep=clock.sleep
    )
    assert found.figures["rounds"] == 1
