"""How far a list is, on standard error, with rows a second and time left: a bar on a terminal, else lines."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from padan.audit.mirror import progress as lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.issuing.issue import Meter


class _Bar:
    def __init__(self, bar: Progress, total: int, before: int) -> None:
        self._bar = bar
        self._task = bar.add_task("rows", total=total, completed=before)

    def add(self, count: int) -> None:
        self._bar.advance(self._task, count)
        speed = self._bar.tasks[0].speed or 0.0
        self._bar.update(self._task, description=f"rows, {speed:,.0f}/s")


@contextlib.contextmanager
def meter(total: int, before: int) -> Iterator[Meter]:
    """Make a meter that suits standard error.

    Args:
        total: rows of the list.
        before: rows that are done already.
    """
    if not sys.stderr.isatty():
        yield lines.Progress("rows", total - before)
        return
    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _Bar(bar, total, before)
