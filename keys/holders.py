"""Who has keys from the key agent: counted by the agent itself, out of reach of those who have them.

A process is told by the system at the other end of the socket (SO_PEERCRED) and followed by a descriptor of its own
(pidfd_open(2)), so that another process that gets its number later is not taken for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from typing import NamedTuple


class Held(NamedTuple):
    """How many processes keys were handed to since the agent began, and how many of them run."""

    handed: int
    living: int


class Holders:
    """The processes that have keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handed = 0
        self._living: dict[int, int] = {}

    def note(self, pid: int) -> bool:
        """Take notice that keys go to a process; says whether it had none before.

        Args:
            pid: its number, 0 where this system does not see it.
        """
        with self._lock:
            self._bury()
            if pid in self._living:
                return False
            self._handed += 1
            with contextlib.suppress(OSError):  # it is gone already, or cannot be seen from here
                self._living[pid] = os.pidfd_open(pid)
            return True

    def count(self) -> Held:
        """Count them."""
        with self._lock:
            self._bury()
            return Held(self._handed, len(self._living))

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            for descriptor in self._living.values():
                os.close(descriptor)
            self._living.clear()

    def _bury(self) -> None:
        ended = select.poll()
        for descriptor in self._living.values():
            ended.register(descriptor, select.POLLIN)
        gone = {descriptor for descriptor, _ in ended.poll(0)}
        for pid, descriptor in list(self._living.items()):
            if descriptor in gone:
                os.close(self._living.pop(pid))
