"""A meter that also tells the catalogue, for `rotation status`, and holds a projection to a rate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

from verifier.rotation.pace import Pace
from verifier.rotation.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from verifier.projector.progress import Meter
    from verifier.vault.rotations import Rotations

PROJECTING: Final = "projecting"
"""The stage of a load in which people are read."""
_SHOW_SECONDS: Final = 1.0


class Telling:
    """Tells how far a projection is.

    Args:
        meter: is told too.
        rotations: the catalogue.
        rate: people a second at most, in each stage; 0 for no limit.
        reached: is told of each chunk.
    """

    def __init__(
        self, meter: Meter, rotations: Rotations, *, rate: int, reached: Callable[[Step], object]
    ) -> None:
        self._meter = meter
        self._rotations = rotations
        self._pace = Pace(rate)
        self._reached = reached
        self._target = 0
        self._stage = ""
        self._people = 0
        self._began = self._said = time.monotonic()

    def of(self, target: int) -> None:
        """Say which rotation it is, by its new epoch."""
        self._target = target

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._stage, self._people = name, 0
        self._began = time.monotonic()
        self._said = float("-inf")
        self._meter.stage(name, total)

    def advance(self, *, done: int, people: int) -> None:
        """Say how far the stage is, and wait where it is ahead of the rate."""
        self._meter.advance(done=done, people=people)
        fresh, self._people = people - self._people, people
        if fresh > 0:
            self._pace.spend(fresh)
        if self._stage != PROJECTING or not self._target:
            return
        now = time.monotonic()
        if now - self._said >= _SHOW_SECONDS:
            self._said = now
            rate = people / max(now - self._began, 0.001)
            self._rotations.show_done(self._target, people, rate=int(rate))
        self._reached(Step.CHUNK_PROJECTED)

    def __enter__(self) -> Self:
        self._meter.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._meter.__exit__(kind, error, trace)
