"""The parent of several processes: starts them, starts again what dies, replaces them in turn, and stops them together.

It holds no keys, opens no gRPC object and answers nothing but the metrics of all its children. Each child is this very
command with `--child`, so that it begins as a process of its own and inherits nothing but its end of a tether.

Where a child ends before it has ever said that it runs, the service cannot start: the others are stopped and its exit
code is the service's. One that ends later is started again, soon where it had lived long, else after a growing pause.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from padan.cli.console import ExitCode
from verifier.child import Child
from verifier.errors import OperatorError
from verifier.folders import make_folder
from verifier.rollout import Rollout

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from verifier.config import Settings

AGENT = "agent"
WRITER = "writer"
STOP_SECONDS = 25.0
"""How long children may take to stop; less than what systemd waits."""
_LONGEST_PAUSE = 5.0
_STEP_PAUSE = 0.02
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_WATCHED = _STOP_SIGNALS | {signal.SIGCHLD, signal.SIGHUP}

_LOGGER = logging.getLogger("padan.supervisor")


class SupervisorError(OperatorError):
    """Another service runs in the folder, or none that could be told something."""


def roles(settings: Settings) -> list[str]:
    """Name the processes of a service: key agent and writer where they are needed, and the workers."""
    workers = [f"worker-{number}" for number in range(1, settings.workers + 1)]
    return [
        *([AGENT] if settings.starts_key_agent else []),
        *([WRITER] if settings.has_writer else []),
        *workers,
    ]


def asks(settings: Settings) -> bool:
    """Whether people unlock the keyring: one who is asked for the passphrase, or custodians."""
    uri = urlsplit(settings.kek)
    return settings.starts_sealed or (uri.scheme == "file" and not uri.query)


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
        leave_patience: float = STOP_SECONDS,
        asks: bool = False,
    ) -> None:
        """Prepare.

        Args:
            names: the children's roles.
            command: what starts a child; `--child ROLE:DESCRIPTOR` is put after it.
            first_only: arguments for the first children and not for their successors.
            environment: additions to this process's own.
            on_end: is told the process id of each child that has ended.
            patience: seconds that children may take to stop; then they are killed.
            leave_patience: seconds that a child which hands over may take to leave.
            asks: people unlock the key agent, so it is kept when children are replaced.
        """
        self._children = [
            Child(name, command, dict(environment or {}), asks=asks and name == AGENT) for name in names
        ]
        self._first_only = first_only
        self._on_end = on_end
        self._patience = patience
        self._leave_patience = leave_patience
        self._kept: Collection[str] = {AGENT} if asks else ()
        self._rollout: Rollout | None = None
        self._wanted = False

    def run(self) -> int:
        """Run; returns the exit code. Call `block_signals` before any thread starts.

        SIGTERM and SIGINT stop all children; each answers what it has accepted. SIGHUP replaces them.
        """
        try:
            waiting = self._begin()
            while True:
                told = signal.sigtimedwait(_WATCHED, self._pause())
                if told is not None and told.si_signo in _STOP_SIGNALS:
                    return self._stop()
                if told is not None and told.si_signo == signal.SIGHUP:
                    self._wanted = True
                self._roll()
                for child in self._children:
                    code = None if child.leaving else child.ended()
                    if code is not None and not self._take_leave(child, code):
                        self._stop()
                        return code if code > 0 else ExitCode.INTERNAL
                    if child.due and not child.running and time.monotonic() >= child.due:
                        child.try_start()
                if waiting is not None and next(waiting, None) is None:
                    waiting = None
        finally:
            for child in self._all():
                child.kill()

    def _all(self) -> list[Child]:
        return [*self._children, *(self._rollout.others if self._rollout else [])]

    def _begin(self) -> Iterator[bool] | None:
        """Start the children, those after the key agent when it has unlocked the keys."""
        steps = self._start_first_ones()
        return steps if next(steps, None) is not None else None

    def _start_first_ones(self) -> Iterator[bool]:
        for child in self._children:
            child.start(extra=self._first_only)
            while child.role == AGENT and not child.has_started:
                yield True

    @property
    def _all_started(self) -> bool:
        return all(child.started_once or child.has_started for child in self._children)

    def _roll(self) -> None:
        """Go on with replacing the children; where it was wanted once more meanwhile, begin anew afterwards."""
        if self._rollout is not None and not self._rollout.step():
            self._rollout = None
        if self._rollout is None and self._wanted and self._all_started:
            self._wanted = False
            self._rollout = Rollout(
                self._children,
                kept=self._kept,
                alone={AGENT},
                standby={WRITER},
                on_end=self._on_end,
                patience=self._leave_patience,
            )

    def _take_leave(self, child: Child, code: int) -> bool:
        """Note that a child has ended; False where it had never begun to work."""
        reason = f"exit code {code}" if code >= 0 else f"signal {-code}"
        _LOGGER.error("a process ended", extra={"worker": child.role, "reason": reason})
        self._on_end(child.pid)
        child.retire()
        return child.started_once

    def _pause(self) -> float:
        """Give the seconds until something is due; SIGCHLD says the rest."""
        if self._rollout is not None or self._wanted or any(not child.pid for child in self._children):
            return _STEP_PAUSE
        due = [child.due for child in self._children if not child.running]
        return max(0.0, min(due, default=time.monotonic() + _LONGEST_PAUSE) - time.monotonic())

    def _stop(self) -> int:
        """Stop all; the writer goes last by itself, when its workers have left."""
        children = self._all()
        for child in children:
            child.signal(signal.SIGTERM)
        until = time.monotonic() + self._patience
        while any(child.running for child in children) and time.monotonic() < until:
            signal.sigtimedwait({signal.SIGCHLD}, 0.5)
            for child in children:
                child.ended()
        late = [child.role for child in children if child.running]
        for role in late:
            _LOGGER.error("a process did not stop", extra={"worker": role})
        return ExitCode.INTERNAL if late else ExitCode.DONE


@contextlib.contextmanager
def only_supervisor(folder: Path) -> Iterator[None]:
    """Be the only one in a working folder, and leave the process id there for whoever wants to tell it something.

    Raises:
        SupervisorError: there is another, or the folder cannot be written.
    """
    path = folder / "serve.lock"
    try:
        make_folder(folder)  # with both databases elsewhere nothing else has made it
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SupervisorError(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SupervisorError(f"{folder}: another service runs in this folder; stop it first") from error
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def running(folder: Path) -> int | None:
    """Give the process id of the supervisor of a working folder; None where none runs there."""
    try:
        with (folder / "serve.lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except (OSError, ValueError):
        pass
    return None


def tell_to_replace(folder: Path) -> int:
    """Tell the supervisor of a working folder to replace its children; returns its process id.

    Raises:
        SupervisorError: none runs there.
    """
    pid = running(folder)
    if pid is not None:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGHUP)
            return pid
    raise SupervisorError(f"{folder}: no service of several workers runs in this folder")


def block_signals() -> None:
    """Keep the signals that `Supervisor.run` waits for; threads and children that start later keep them too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)


def unblock_signals() -> None:
    """Let a child receive them again; what came meanwhile comes now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
