"""The parent of several processes: starts them, starts again what dies, and stops them together.

It holds no keys, opens no gRPC object and answers nothing but the metrics of all its children. Each child is this very
command with `--child`, so that it begins as a process of its own and inherits nothing but its end of a tether.

Where a child ends before it has ever said that it runs, the service cannot start: the others are stopped and its exit
code is the service's. One that ends later is started again, soon where it had lived long, else after a growing pause.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from padan.cli.console import ExitCode
from verifier.errors import OperatorError
from verifier.tether import ParentEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verifier.config import Settings

WRITER = "writer"
STOP_SECONDS = 25.0
"""How long children may take to stop; less than what systemd waits."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LIVED_LONG = 30.0
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_WATCHED = _STOP_SIGNALS | {signal.SIGCHLD}

_LOGGER = logging.getLogger("padan.supervisor")


class PromptError(OperatorError):
    """Several processes cannot ask for one passphrase."""


def roles(settings: Settings) -> list[str]:
    """Name the processes of a service: the writer where one is needed, and the workers."""
    workers = [f"worker-{number}" for number in range(1, settings.workers + 1)]
    return [WRITER, *workers] if settings.has_writer else workers


def require_no_prompt(settings: Settings) -> None:
    """See that no child will have to ask for a passphrase.

    Raises:
        PromptError: it would.
    """
    uri = urlsplit(settings.kek)
    if uri.scheme == "file" and not uri.query:
        raise PromptError(
            "kek: more than one worker needs the source of the passphrase: file:PATH?passphrase-file=PATH"
        )


class _Child:
    """One child, and its successors."""

    def __init__(self, role: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.role = role
        self.started_once = False
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self.due = 0.0

    @property
    def pid(self) -> int:
        """Process id of the child that runs or ran last."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    def start(self, *, extra: Sequence[str] = ()) -> None:
        """Start it."""
        self._began = time.monotonic()
        with ParentEnd.made() as tether:
            self._process = subprocess.Popen(  # noqa: S603 - this very command
                [*self._command, *extra, "--child", f"{self.role}:{tether.descriptor}"],
                stdin=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=(tether.descriptor,),
            )
        self._tether = tether

    def ended(self) -> int | None:
        """Give the exit code of a child that has ended since the last call; negative for a signal."""
        if self._process is None or self._process.returncode is not None:
            return None
        self.started_once = self.started_once or self._tether.has_started()
        code = self._process.poll()
        if code is not None:
            self._tether.close()
        return code

    def retire(self) -> None:
        """Say when the next one is due."""
        self._failures = 0 if time.monotonic() - self._began > _LIVED_LONG else self._failures + 1
        self.due = time.monotonic() + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))

    def terminate(self) -> None:
        """Tell a running child to stop."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End a running child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Supervisor:
    """Runs the children until it is told to stop."""

    def __init__(
        self,
        names: Sequence[str],
        command: Sequence[str],
        *,
        first_only: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        on_end: Callable[[int], None] = lambda _pid: None,
        patience: float = STOP_SECONDS,
    ) -> None:
        """Prepare.

        Args:
            names: the children's roles.
            command: what starts a child; `--child ROLE:DESCRIPTOR` is put after it.
            first_only: arguments for the first children and not for their successors.
            environment: additions to this process's own.
            on_end: is told the process id of each child that has ended.
            patience: seconds that children may take to stop; then they are killed.
        """
        children = os.environ | dict(environment or {})
        self._children = [_Child(name, command, children) for name in names]
        self._first_only = first_only
        self._on_end = on_end
        self._patience = patience

    def run(self) -> int:
        """Run; returns the exit code. Call `block_signals` before any thread starts.

        SIGTERM and SIGINT stop all children; each answers what it has accepted.
        """
        try:
            for child in self._children:
                child.start(extra=self._first_only)
            while True:
                told = signal.sigtimedwait(_WATCHED, self._pause())
                if told is not None and told.si_signo in _STOP_SIGNALS:
                    return self._stop()
                for child in self._children:
                    code = child.ended()
                    if code is not None and not self._take_leave(child, code):
                        self._stop()
                        return code if code > 0 else ExitCode.INTERNAL
                    if not child.running and time.monotonic() >= child.due:
                        self._start_again(child)
        finally:
            for child in self._children:
                child.kill()

    @staticmethod
    def _start_again(child: _Child) -> None:
        try:
            child.start()
        except OSError:  # no memory or no descriptors now: the children that run go on
            _LOGGER.exception("a process cannot be started")
            child.retire()

    def _take_leave(self, child: _Child, code: int) -> bool:
        """Note that a child has ended; False where it had never begun to work."""
        reason = f"exit code {code}" if code >= 0 else f"signal {-code}"
        _LOGGER.error("a process ended", extra={"worker": child.role, "reason": reason})
        self._on_end(child.pid)
        child.retire()
        return child.started_once

    def _pause(self) -> float:
        """Give the seconds until a child is due; SIGCHLD says the rest."""
        due = [child.due for child in self._children if not child.running]
        return max(0.0, min(due, default=time.monotonic() + _LONGEST_PAUSE) - time.monotonic())

    def _stop(self) -> int:
        """Stop all; the writer goes last by itself, when its workers have left."""
        for child in self._children:
            child.terminate()
        until = time.monotonic() + self._patience
        while any(child.running for child in self._children) and time.monotonic() < until:
            signal.sigtimedwait({signal.SIGCHLD}, 0.5)
            for child in self._children:
                child.ended()
        late = [child.role for child in self._children if child.running]
        for role in late:
            _LOGGER.error("a process did not stop", extra={"worker": role})
        return ExitCode.INTERNAL if late else ExitCode.DONE


def block_signals() -> None:
    """Keep the signals that `Supervisor.run` waits for; threads and children that start later keep them too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)


def unblock_signals() -> None:
    """Let a child receive them again; what came meanwhile comes now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
