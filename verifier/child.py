"""One child process of a supervisor: started as this very command with `--child`, watched, told to stop.

It inherits nothing but its end of a tether, and the terminal where it is the one that may ask a person.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from verifier.tether import ParentEnd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUCCESSOR = "successor"
HAND_OVER = signal.SIGUSR1
"""Tells a child to leave its work to a successor that stands by."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LIVED_LONG = 30.0

_ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}
"""For glibc: of the threads that serve calls each would else get an arena of its own, up to eight for each processor,
and what lies scattered over them grows for hours."""

_LOGGER = logging.getLogger("padan.supervisor")


class Child:
    """A child in its place; after its end it is started anew."""

    def __init__(
        self, role: str, command: Sequence[str], environment: Mapping[str, str], *, asks: bool = False
    ) -> None:
        """Prepare.

        Args:
            role: what it does.
            command: what starts it; `--child ROLE:DESCRIPTOR` is put after it.
            environment: additions to this process's own.
            asks: it may ask a person on the terminal.
        """
        self.role = role
        self.started_once = False
        self.due = 0.0
        self.leaving = False
        """It was told to leave, and whoever told it waits for that."""
        self._command = list(command)
        self._environment = dict(environment)
        self._asks = asks
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0

    def successor(self) -> Child:
        """Make one that can take its place."""
        return Child(self.role, self._command, self._environment, asks=self._asks)

    @property
    def pid(self) -> int:
        """Process id of the child that runs or ran last."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    def start(self, *, extra: Sequence[str] = (), successor: bool = False) -> None:
        """Start it.

        Args:
            extra: arguments for this time alone.
            successor: another in this role runs still.
        """
        self._began = time.monotonic()
        with ParentEnd.made() as tether:
            words = [self.role, str(tether.descriptor), *([SUCCESSOR] if successor else [])]
            self._process = subprocess.Popen(  # noqa: S603 - this very command
                [*self._command, *extra, "--child", ":".join(words)],
                stdin=None if self._asks else subprocess.DEVNULL,
                env=_ALLOCATOR | os.environ | self._environment,
                pass_fds=(tether.descriptor,),
            )
        self._tether = tether

    def try_start(self, *, successor: bool = False) -> bool:
        """Start it; False where there is no memory or no descriptor now.

        A child in its place is then due for another try; a successor has no place, and is given up.
        """
        try:
            self.start(successor=successor)
        except OSError:
            _LOGGER.exception("a process cannot be started", extra={"worker": self.role})
            self.retire()
            return False
        return True

    def ended(self) -> int | None:
        """Give the exit code of a child that has ended since the last call; negative for a signal."""
        if self._process is None or self._process.returncode is not None:
            return None
        self.started_once = self.started_once or self._tether.has_started()
        code = self._process.poll()
        if code is not None:
            self._tether.close()
        return code

    @property
    def has_started(self) -> bool:
        """Whether it runs, as it says itself."""
        return self._process is not None and self._tether.has_started()

    @property
    def is_ready(self) -> bool:
        """Whether it has been able to do its work, as it says itself."""
        return self._process is not None and self._tether.is_ready()

    def retire(self) -> None:
        """Say when the next one is due: soon after a long life, else after a growing pause."""
        self._failures = 0 if time.monotonic() - self._began > _LIVED_LONG else self._failures + 1
        self.due = time.monotonic() + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))

    def signal(self, number: signal.Signals) -> None:
        """Send a running child a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End a running child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
