"""What must happen again and again beside the requests: each duty at its own pace, in one thread.

A duty that fails is told in the log and tried again at its next turn; none stops the others.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLL_SECONDS: Final = 0.2
"""Between two looks at what is due, from the end of the last duty; a steady one is begun when it is due."""

_LOGGER = logging.getLogger("padan.housekeeping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One duty.

    Attributes:
        name: of it.
        every: its pace in seconds: from a turn's end to the next turn.
        act: takes a turn.
        steady: count the pace from a turn's begin, and keep it to the moment; a turn that takes longer than that is
            followed by the next one at once.
    """

    name: str
    every: float
    act: Callable[[], object]
    steady: bool = False


class Housekeeping:
    """Runs duties until it is stopped."""

    def __init__(
        self,
        duties: Sequence[Duty],
        *,
        at_once: bool = False,
        stopping: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            duties: what to do.
            at_once: do each when it starts; else after its own pace for the first time.
            stopping: set by `stop`; what lies between two looks is a wait for it.
            clock: seconds that never go back.
        """
        self._duties = duties
        self._at_once = at_once
        self._stopping = stopping or threading.Event()
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the duty under way."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        began = self._clock()
        due = {duty.name: began + (0 if self._at_once else duty.every) for duty in self._duties}
        while not self._stopping.wait(self._pause(due)):
            for duty in self._duties:
                began = self._clock()
                if began < due[duty.name] or self._stopping.is_set():
                    continue
                try:
                    duty.act()
                except Exception:
                    _LOGGER.exception("a duty failed")
                due[duty.name] = (began if duty.steady else self._clock()) + duty.every

    def _pause(self, due: Mapping[str, float]) -> float:
        steady = [due[duty.name] for duty in self._duties if duty.steady]
        return max(0.0, min([POLL_SECONDS, *(at - self._clock() for at in steady)]))
