"""How tokens are issued for a list: the main path, for any transport.

1 read the list's shape: its columns, and how many rows
2 open the part file: of a new run, or of the one that ended early
3 ask about every row that has no answer yet
4 keep the answers, a batch at a time, on the disk
5 write the result whole, and take the part file away
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from padan.issuing.part import BAD_ROW, Answered, Part
from padan.issuing.people import OUTCOME, TOKEN, BadRow
from padan.table.errors import TableError
from padan.table.file import Stamp
from padan.table.sink import writing
from padan.table.wholefile import require_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from padan.issuing.part import Binding
    from padan.issuing.people import Person
    from padan.issuing.run import Run
    from padan.table.file import Table

BATCH: Final = 256
"""Answers that one transaction holds at most."""
BATCH_SECONDS: Final = 0.5
"""How long an answer waits for its transaction at most, while others come."""


class Transport(Protocol):
    """Asks about rows; `padan.issuing.calls.Calls` is one."""

    def answer(self, rows: Iterable[Person]) -> Iterator[Answered]:
        """Ask about rows, and give what was answered, in any order."""
        ...


class Meter(Protocol):
    """Is told how far a run is."""

    def add(self, count: int) -> None:
        """Count rows as done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a list.

    Attributes:
        rows: how many it has.
        before: rows that an earlier run had answered.
        outcomes: how many rows had which; `BAD_ROW` for those that could not be asked about.
        bad: the first bad rows.
        written: whether the result stands; else some rows have no answer yet.
    """

    rows: int
    before: int
    outcomes: dict[str, int]
    bad: tuple[Answered, ...]
    written: bool

    @property
    def answered(self) -> int:
        """Rows that are done."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A list, what it is asked with, and where the result goes.

    Attributes:
        table: the list.
        output: the result's file; its part file stands beside it.
        binding: what a run is bound to, with the columns.
        bad_shown: bad rows that a summary names at most.
    """

    table: Table
    output: Path
    binding: Binding
    bad_shown: int = 20

    @property
    def part(self) -> Path:
        """The part file."""
        return part_of(self.output)


def part_of(output: Path) -> Path:
    """Name the part file of a result."""
    return output.with_name(output.name + ".part")


def issue(
    order: Order,
    transport: Callable[[Run], Transport],
    meter: Callable[[int, int], Meter],
    report: Callable[[Summary], object],
) -> Summary:
    """Issue tokens for a list; after any end, again on the same list, go on.

    Args:
        order: what is done.
        transport: makes what asks, for a run.
        meter: makes what is told how far the run is, from the number of rows and of those done before.
        report: is told how it ended, also when an error ends it.

    Raises:
        TableError: the list cannot be read, or the result not be written.
        KeptFileError: the part file is damaged, in use, or of another run.
        PadanError: asking failed; what was answered is kept.
    """
    stamp = Stamp.of(order.table.path)
    rows = order.table.count()  # 1
    part = Part.open(order.part, order.binding, order.table.path)  # 2
    before, written = 0, False
    try:
        marks = part.marks(rows)
        before = marks.count(1)
        if order.output.exists() and before < rows:
            raise _in_the_way(order.output)
        try:
            answers = _answers(order, marks, transport(part.run))  # 3
            _keep(part, answers, meter(rows, before))  # 4
        finally:
            require_unchanged(order.table.path, stamp)
        if sum(part.counts().values()) == rows:
            _write(order, part)  # 5
            written = True
    finally:
        summary = _summary(order, part, rows, before, written=written)
        if written:
            part.remove()
        else:
            part.close()
        report(summary)
    return summary


def _answers(order: Order, marks: bytearray, transport: Transport) -> Iterator[Answered]:
    """Give what becomes of the rows that have no answer; bad ones are asked about nowhere."""
    bad: list[Answered] = []

    def good() -> Iterator[Person]:
        for row in order.binding.columns.people(order.table):
            if marks[row.row]:
                continue
            if isinstance(row, BadRow):
                bad.append(Answered(row=row.row, outcome=f"{BAD_ROW}: {row.rule}"))
            else:
                yield row

    for answered in transport.answer(good()):
        yield answered
        while bad:
            yield bad.pop()
    yield from bad


def _keep(part: Part, answers: Iterator[Answered], meter: Meter) -> None:
    """Keep answers as they come; those that have come are kept also when the next one is an error."""
    batch: list[Answered] = []
    began = time.monotonic()
    try:
        for answered in answers:
            batch.append(answered)
            if len(batch) >= BATCH or time.monotonic() - began >= BATCH_SECONDS:
                part.keep(batch)
                meter.add(len(batch))
                batch, began = [], time.monotonic()
    finally:
        part.keep(batch)
        meter.add(len(batch))


def _write(order: Order, part: Part) -> None:
    keep = order.binding.columns.keep
    answers = part.answers()
    names = [*keep, TOKEN, OUTCOME]
    with writing(order.output, names, [*order.table.types(keep), None, None]) as sink:
        for count, columns in order.table.kept(keep):
            chunk = [next(answers) for _ in range(count)]
            tokens = [each.token for each in chunk]
            sink.write([*columns, tokens, [each.outcome for each in chunk]])


def _summary(order: Order, part: Part, rows: int, before: int, *, written: bool) -> Summary:
    return Summary(
        rows=rows,
        before=before,
        outcomes=part.counts(),
        bad=tuple(part.bad(order.bad_shown)),
        written=written,
    )


def _in_the_way(output: Path) -> TableError:
    return TableError(
        f"{output}: there is a file already",
        reason="file",
        next_step="name another file, or move this one away",
    )


def refuse_existing(output: Path) -> None:
    """Refuse to write over a file that is no result of the run that is gone on with.

    Raises:
        TableError: there is one.
    """
    if output.exists() and not part_of(output).exists():
        raise _in_the_way(output)


def rules(bad: Sequence[Answered]) -> list[tuple[int, str]]:
    """Give the number and the rule of each bad row."""
    return [(each.row, each.outcome.removeprefix(f"{BAD_ROW}: ")) for each in bad]
