"""What a person sees while people are loaded: a bar with rate and time left, or lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

_SILENCE_SECONDS = 5.0


class Meter(Protocol):
    """Where a load says how far it is."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage.

        Args:
            name: what is done in it.
            total: units of work; 0 where that is not known.
        """

    def advance(self, *, done: int, people: int) -> None:
        """Say how far the stage is.

        Args:
            done: units of work done since the stage began.
            people: people done since the stage began.
        """

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""


class Silence:
    """Says nothing."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""

    def advance(self, *, done: int, people: int) -> None:
        """Say how far the stage is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Bar:
    """A bar on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[people]:>12,} people  {task.fields[rate]:>8,.0f}/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._began = time.monotonic()
        self._task = self._progress.add_task("reading", total=None, people=0, rate=0.0)

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._progress.remove_task(self._task)
        self._began = time.monotonic()
        self._task = self._progress.add_task(f"{name:<10}", total=total or None, people=0, rate=0.0)

    def advance(self, *, done: int, people: int) -> None:
        """Say how far the stage is."""
        rate = people / max(time.monotonic() - self._began, 0.001)
        self._progress.update(self._task, completed=done, people=people, rate=rate)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class Lines:
    """A line every few seconds, for logs."""

    def __init__(self) -> None:
        self._name, self._total = "", 0
        self._began = self._said = time.monotonic()

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._name, self._total = name, total
        self._began = self._said = time.monotonic()

    def advance(self, *, done: int, people: int) -> None:
        """Say how far the stage is."""
        now = time.monotonic()
        if not people or now - self._said < _SILENCE_SECONDS:
            return
        self._said = now
        spent = now - self._began
        share = f"{done / self._total:4.0%}, " if self._total else ""
        left = f", {spent * (self._total - done) / done:,.0f} s left" if self._total and done else ""
        sys.stderr.write(f"{self._name}: {share}{people:,} people, {people / spent:,.0f}/s{left}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def for_terminal() -> Meter:
    """Choose what suits standard error."""
    return Bar() if sys.stderr.isatty() else Lines()
