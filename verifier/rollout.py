"""A rollout: children replaced one after another, while the service answers.

A worker's successor is ready before the worker is told to hand over; the worker then leaves when its clients have, and
nobody waits for that before the next one's turn. The writer's successor stands by, with everything open, until the
writer has let go of the log. The key agent goes first: workers need it only when they begin. Where a successor does not
become ready, nothing more is replaced.
"""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING

from verifier.child import HAND_OVER, Child

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    Steps = Generator[bool, None, bool]

READY_SECONDS = 30.0
"""How long a successor may take to become ready."""

_LOGGER = logging.getLogger("padan.supervisor")


class Rollout:
    """Replaces a supervisor's children in their places, in steps.

    Args:
        children: the places; changed here.
        kept: roles that are not replaced.
        alone: roles whose successor can begin only when they have ended.
        standby: roles whose successor waits, when it has started, until they have handed over.
        on_end: is told the process id of each child that has left.
        patience: seconds that a child may take to leave; then it is killed.
    """

    def __init__(
        self,
        children: list[Child],
        *,
        kept: Collection[str],
        alone: Collection[str],
        standby: Collection[str],
        on_end: Callable[[int], None],
        patience: float,
    ) -> None:
        self._children = children
        self._kept, self._alone, self._standby = kept, alone, standby
        self._on_end = on_end
        self._patience = patience
        self._leaving: list[tuple[Child, float]] = []
        self._coming: Child | None = None
        self._steps = self._run()

    @property
    def others(self) -> list[Child]:
        """The children that run beside those in their places."""
        return [*(child for child, _ in self._leaving), *([self._coming] if self._coming else [])]

    def step(self) -> bool:
        """Go on as far as can be without waiting; False at the end."""
        return next(self._steps, None) is not None

    def _run(self) -> Generator[bool]:
        _LOGGER.info("processes are replaced")
        good = True
        for place, old in enumerate(self._children):
            if good and old.role not in self._kept and old.running:
                good = yield from (
                    self._stop_first(old) if old.role in self._alone else self._start_first(place, old)
                )
                if not good:
                    _LOGGER.error("a successor does not become ready", extra={"worker": old.role})
        while self._leaving:
            self._see_off()
            yield True
        if good:
            _LOGGER.info("all processes are replaced")

    def _stop_first(self, old: Child) -> Steps:
        old.leaving = True
        self._send_off(old, signal.SIGTERM)
        while self._leaving:
            self._see_off()
            yield True
        old.leaving = False
        return old.try_start() and (yield from self._await(old, lambda: old.is_ready))

    def _start_first(self, place: int, old: Child) -> Steps:
        stands_by = old.role in self._standby
        new = old.successor()
        if not new.try_start(successor=True):
            return False
        self._coming = new
        good = yield from self._await(new, lambda: new.has_started if stands_by else new.is_ready)
        self._coming = None
        if not good:
            new.kill()
            self._on_end(new.pid)
            return False
        new.started_once = True
        self._children[place] = new
        self._send_off(old, HAND_OVER)
        return (yield from self._await(new, lambda: new.is_ready))

    def _await(self, child: Child, reached: Callable[[], bool]) -> Steps:
        until = time.monotonic() + READY_SECONDS
        while not reached():
            self._see_off()
            if not child.running or (child is self._coming and child.ended() is not None):
                return False
            if time.monotonic() > until:
                return False
            yield True
        return True

    def _send_off(self, old: Child, number: signal.Signals) -> None:
        old.signal(number)
        self._leaving.append((old, time.monotonic() + self._patience))

    def _see_off(self) -> None:
        """Take leave of those that have left, and end those that take too long."""
        for child, until in list(self._leaving):
            if child.running and child.ended() is None:
                if time.monotonic() <= until:
                    continue
                _LOGGER.error("a process did not stop", extra={"worker": child.role})
                child.kill()
            self._leaving.remove((child, until))
            self._on_end(child.pid)
