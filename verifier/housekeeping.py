"""What must happen again and again beside the requests: each duty at its own pace, in one thread.

A duty that fails is told to `on_failure` and tried again at its next turn; none stops the others.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOGGER = logging.getLogger("padan.housekeeping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One duty and its pace in seconds."""

    name: str
    every: float
    act: Callable[[], object]


class Housekeeping:
    """Runs duties until it is stopped."""

    def __init__(self, duties: Sequence[Duty], *, at_once: bool = False) -> None:
        """Prepare.

        Args:
            duties: what to do.
            at_once: do each when it starts; else after its own pace for the first time.
        """
        self._duties = duties
        self._at_once = at_once
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the duty under way."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        began = time.monotonic()
        due = {duty.name: began + (0 if self._at_once else duty.every) for duty in self._duties}
        while not self._stopping.wait(0.2):
            for duty in self._duties:
                if time.monotonic() < due[duty.name] or self._stopping.is_set():
                    continue
                try:
                    duty.act()
                except Exception:
                    _LOGGER.exception("a duty failed")
                due[duty.name] = time.monotonic() + duty.every
