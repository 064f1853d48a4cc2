"""A roll of residents that a command works through, some hundreds a call: bad rows are told, and good ones go on."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import typer

from padan.cli.console import CommandError, ExitCode, print_json
from padan.cli.said import lines
from padan.errors import InvalidRequestError, PadanError, QuotaError
from padan.table.file import open_table
from padan.table.row import Row
from padan.token import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from padan.client import Client
    from padan.table.file import Table

BATCH: Final = 300
"""Residents in a call: with the longest name of a domain they fit into a message."""
_Done = TypeVar("_Done")
_SHOWN: Final = 20
_PATIENCE: Final = 60.0
"""Seconds for which a call is made again that came above the rate."""


def day(text: str) -> str:
    """Read a day as YYYY-MM-DD; empty where there is none.

    Raises:
        InvalidRequestError: it is none.
    """
    try:
        if text and date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    if text:
        raise InvalidRequestError("a day is not written as YYYY-MM-DD", reason="INVALID_FIELD")
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Whom a command is about.

    Attributes:
        table: the list; None where tokens were given.
        columns: the list's columns that are read, the tokens' first.
        tokens: as text, where there is no list.
        first: number of the first row that is taken.
    """

    table: Table | None
    columns: Sequence[str]
    tokens: Sequence[str]
    first: int

    @classmethod
    def of(cls, tokens: Sequence[str] | None, table: Path | None, columns: Sequence[str], first: int) -> Self:
        """Take tokens, those of standard input, or a list.

        Raises:
            CommandError: both are given, or a column is not there.
            TableError: the list cannot be read.
        """
        if table is None:
            found = lines(None) if not tokens or list(tokens) == ["-"] else list(tokens)
            return cls(table=None, columns=columns, tokens=found, first=first)
        if tokens:
            raise CommandError(
                "tokens and a list are given", next_step="give the one or the other", code=ExitCode.USAGE
            )
        opened = open_table(table)
        missing = [column for column in columns if column not in opened.columns]
        if missing:
            raise CommandError(
                f"{table.name} has no column {missing[0]!r}",
                next_step=f"name one of its columns: {', '.join(opened.columns)}",
                code=ExitCode.INPUT,
            )
        return cls(table=opened, columns=columns, tokens=(), first=first)

    def rows(self) -> Iterator[Row]:
        """Give the rows from the first one that is taken."""
        if self.table is not None:
            yield from (row for row in self.table.rows(self.columns) if row.number >= self.first)
            return
        padding = ("",) * (len(self.columns) - 1)
        for number, text in enumerate(self.tokens, 1):
            if number >= self.first:
                yield Row(number=number, cells=(text, *padding))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is done with the rows of a roll.

    Attributes:
        roll: the rows.
        read: makes of a row's cells what is sent.
        send: sends some, and says why some were refused, by place.
    """

    roll: Roll
    read: Callable[[Sequence[str]], Any]
    send: Callable[[Client, Sequence[Any]], Mapping[int, str]]


def work(order: Work, client: Client, *, done: str, as_json: bool) -> None:
    """Work through a roll, and say what came of it.

    Args:
        order: what is done.
        client: makes the calls.
        done: what was done with a row that is good, for people.
        as_json: print one document.

    Raises:
        typer.Exit: some rows are bad.
        PadanError: a call failed; how far the work has come is told first.
    """
    bad: dict[int, str] = {}
    good, row_after = 0, order.roll.first
    batch: list[tuple[int, Any]] = []

    def flush() -> None:
        nonlocal good
        if batch:
            refused = patiently(lambda: order.send(client, [item for _, item in batch]))
            bad.update({batch[place][0]: rule for place, rule in refused.items()})
            good += len(batch) - len(refused)
            batch.clear()

    try:
        for row in order.roll.rows():
            try:
                if row.fault:
                    bad[row.number] = row.fault
                else:
                    batch.append((row.number, order.read(row.cells)))
            except (TokenError, InvalidRequestError) as error:
                bad[row.number] = str(error)
            if len(batch) >= BATCH:
                flush()
                row_after = row.number + 1
        flush()
    except PadanError:
        _tell(good, bad, done, as_json=as_json, row_after=row_after)
        sys.stderr.write(f"ended early: go on with --from-row {row_after}\n")
        raise
    _tell(good, bad, done, as_json=as_json, row_after=None)
    if bad:
        raise typer.Exit(int(ExitCode.INPUT))


def patiently(act: Callable[[], _Done]) -> _Done:
    """Make a call, and again when the service says when it takes more: done twice, it changes nothing more."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return act()
        except QuotaError as error:
            if error.reason != "RATE_LIMITED" or time.monotonic() > until:
                raise
            time.sleep(error.retry_after or 1.0)


def _tell(good: int, bad: Mapping[int, str], done: str, *, as_json: bool, row_after: int | None) -> None:
    """Say what was done: data on standard output, rows that are bad on standard error."""
    shown = sorted(bad.items())
    for number, rule in shown[:_SHOWN]:
        sys.stderr.write(f"row {number}: {rule}\n")
    if len(shown) > _SHOWN:
        sys.stderr.write(f"and {len(shown) - _SHOWN:,} more bad rows; --json names them all\n")
    if as_json:
        rows = [{"row": number, "rule": rule} for number, rule in shown]
        print_json({done: good, "bad_rows": rows, "from_row": row_after})
    else:
        typer.echo(f"{good:,} {done}, {len(bad):,} bad rows")
