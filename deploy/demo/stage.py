"""The stage: shows each command before it runs it, what it printed, and what must have come of it.

Guarantees: no process that was started here outlives the stage; an expectation that is not met is told, and fails
the demonstration.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WIDTH = 100
COMMAND_SECONDS = 3600.0
_KILL_SECONDS = 10.0


class ExpectationError(Exception):
    """Something is not as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """Make the environment of every command: our programs first on the path, and no settings from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PADAN_")}
    scripts = sysconfig.get_path("scripts")
    return kept | {
        "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "COLUMNS": str(WIDTH),
        "LC_ALL": "C.UTF-8",
    }


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where the demonstration is played.

    Attributes:
        root: the folder that holds one folder for each who takes part.
        figures: what was measured, name and value, in order.
        failures: what was not as it must be.
    """

    root: Path
    figures: list[tuple[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _running: list[subprocess.Popen[str]] = field(default_factory=list)
    _title: str = ""

    def heading(self, title: str) -> None:
        """Begin a part."""
        self._title = title
        self._print(f"\n== {title}")

    def say(self, text: str) -> None:
        """Tell something."""
        self._print("\n".join(["", *textwrap.wrap(" ".join(text.split()), WIDTH)]))

    def show(self, text: str) -> None:
        """Print lines as they are, set in."""
        self._print(textwrap.indent(text.rstrip(), "  "))

    def prompt(self, who: str, line: str) -> None:
        """Print a command line before it is run."""
        self._print(f"\n{who}$ {line}")

    def figure(self, name: str, value: str) -> None:
        """Note what was measured, and print it."""
        self.figures.append((name, value))
        self._print(f"  measured: {name}: {value}")

    def expect(self, what: str, found: object, wanted: object = True) -> None:  # noqa: FBT002 - any value
        """Hold what was found against what it must be: true, where nothing is said.

        Raises:
            ExpectationError: they differ.
        """
        if found != wanted:
            raise ExpectationError(f"{self._title}: {what}: found {found!r}, must be {wanted!r}")
        self._print(f"  checked: {what}")

    def fail(self, message: str) -> None:
        """Note a failure, and print it."""
        self.failures.append(message)
        self._print(f"\nFAILED: {message}")

    def run(
        self, who: str, line: str, *, code: int = 0, lines: int | None = None, live: bool = False
    ) -> Done:
        """Show a command line, run it with sh in somebody's folder, and show what it printed.

        Args:
            who: whose folder; stands before the command.
            line: the command line.
            code: the exit code that it must have.
            lines: how many lines of the output are shown; default all.
            live: let standard error, with its progress, through to the terminal.

        Raises:
            ExpectationError: it ended with another exit code.
        """
        self.prompt(who, line)
        process = self.start(who, line, stdout=subprocess.PIPE, stderr=None if live else subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=COMMAND_SECONDS)
        finally:
            self.stop(process)
        done = Done(code=process.returncode, out=out, err=err or "")
        printed = [text for text in (done.out + done.err).splitlines() if text.strip()]
        if done.code != code:
            self.show("\n".join(printed))
            raise ExpectationError(f"{self._title}: {line}: exit code {done.code}, must be {code}")
        self.show("\n".join(printed[:lines] + (["…"] if lines is not None and len(printed) > lines else [])))
        return done

    def start(
        self, who: str, line: str, *, stdout: int | None, stderr: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a command line in a session of its own, so that it ends when we say and not at the terminal's Ctrl-C.

        Args:
            who: whose folder.
            line: the command line.
            stdout: as `subprocess.Popen` takes it.
            stderr: likewise; None is the terminal.
        """
        folder = self.root / who
        folder.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen[str], *, gently: bool = False) -> None:
        """End a process and whatever it started; one that has ended is only forgotten."""
        if process in self._running:
            self._running.remove(process)
        if gently and process.poll() is None:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_KILL_SECONDS)
        _signal(process, signal.SIGKILL)
        process.wait(_KILL_SECONDS)

    def close(self) -> None:
        """End everything that still runs, the last first."""
        for process in reversed(self._running.copy()):
            self.stop(process, gently=True)

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Clock:
    """Measures the seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
