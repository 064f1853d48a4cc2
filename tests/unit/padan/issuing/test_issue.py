"""The main path of issuing, with a transport that a test scripts: what is kept, gone on with, and written."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from padan.errors import QuotaError
from padan.issuing.issue import Order, Summary, issue, part_of
from padan.issuing.part import Answered, Binding
from padan.issuing.people import Columns
from padan.issuing.run import Run, Terms
from padan.table.errors import TableError
from padan.table.file import open_table
from padan.table.keptfile import KeptFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from padan.issuing.people import Person

TERMS = Terms(purpose="treatment", officer="desk-7", legal_basis="public_task")


class Transport:
    """Answers rows in another order than they came, until it is told to fail.

    Attributes:
        asked: request ids by row, of every row that was asked about.
    """

    def __init__(self, fail_after: int | None = None, each: Callable[[], object] = lambda: None) -> None:
        self.asked: dict[int, str] = {}
        self._fail_after = fail_after
        self._each = each

    def for_run(self, run: Run) -> Transport:
        """Take a run."""
        self._run = run
        return self

    def answer(self, rows: Iterable[Person]) -> Iterator[Answered]:
        """Answer two rows at a time, the second first."""
        waiting: list[Person] = []
        for row in rows:
            if self._fail_after is not None and len(self.asked) >= self._fail_after:
                raise QuotaError("the agreement's calls of the day are spent", reason="QUOTA_EXHAUSTED")
            self._each()
            self.asked[row.row] = self._run.request_id(row.row)
            waiting.append(row)
            if len(waiting) == 2:
                yield from (self._one(waiting.pop()) for _ in range(2))
        yield from map(self._one, waiting)

    def _one(self, row: Person) -> Answered:
        if row.nik.endswith("3"):
            return Answered(row=row.row, outcome="NO_MATCH")
        return Answered(row=row.row, outcome="MATCH", token=f"token-{row.row}")


class Meter:
    """Counts."""

    def __init__(self) -> None:
        self.done = 0

    def add(self, count: int) -> None:
        """Count."""
        self.done += count


def order(tmp_path: Path, rows: int = 20, keep: tuple[str, ...] = ("id",)) -> Order:
    """Write a list with a bad row, the fifth, and make an order about it."""
    path = tmp_path / "list.csv"
    if not path.exists():
        lines = [f"c{row},{'' if row == 5 else row},name {row}\n" for row in range(1, rows + 1)]
        path.write_text("id,nik,name\n" + "".join(lines))
    table = open_table(path)
    return Order(
        table=table,
        output=tmp_path / "out.csv",
        binding=Binding(
            registry="registry.test/development",
            agency="clinic",
            domain="health",
            terms=TERMS,
            columns=Columns.choose(table, nik="nik", claims={}, keep=keep),
        ),
    )


def run(what: Order, transport: Transport) -> tuple[Summary, int]:
    """Issue; give the summary and what the meter counted."""
    meter = Meter()
    told: list[Summary] = []
    summary = issue(what, transport.for_run, lambda _, __: meter, told.append)
    assert told == [summary]
    return summary, meter.done


def test_a_list_is_asked_about_and_written_in_its_order(tmp_path: Path) -> None:
    """Every row has its outcome in its place; the part file is gone."""
    summary, counted = run(order(tmp_path), Transport())
    assert (summary.rows, summary.answered, summary.written, counted) == (20, 20, True, 20)
    assert summary.outcomes == {"BAD_ROW": 1, "MATCH": 17, "NO_MATCH": 2}
    assert [each.row for each in summary.bad] == [5]
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows[0] == ["id", "token", "outcome"]
    assert rows[1:6] == [
        ["c1", "token-1", "MATCH"],
        ["c2", "token-2", "MATCH"],
        ["c3", "", "NO_MATCH"],
        ["c4", "token-4", "MATCH"],
        ["c5", "", "BAD_ROW: nik: there is none"],
    ]
    assert [row[0] for row in rows[1:]] == [f"c{row}" for row in range(1, 21)]
    assert not part_of(tmp_path / "out.csv").exists()


def test_an_ended_run_goes_on_with_the_same_requests(tmp_path: Path) -> None:
    """What was answered is not asked again; what was under way is the same request."""
    first, second = Transport(fail_after=9), Transport()
    told: list[Summary] = []
    with pytest.raises(QuotaError):
        issue(order(tmp_path), first.for_run, lambda _, __: Meter(), told.append)
    assert (told[0].written, told[0].answered) == (False, 9)  # eight of nine, and the bad row
    assert not (tmp_path / "out.csv").exists()
    summary, _ = run(order(tmp_path), second)
    assert (summary.before, summary.written) == (9, True)
    (again,) = first.asked.keys() & second.asked.keys()
    assert first.asked[again] == second.asked[again]
    assert len(first.asked.keys() | second.asked.keys()) == 19


def test_another_list_is_not_gone_on_with(tmp_path: Path) -> None:
    """The part file belongs to the list that it was made for; its answers stay."""
    with pytest.raises(QuotaError):
        run(order(tmp_path), Transport(fail_after=4))
    (tmp_path / "list.csv").write_text("id,nik,name\nc9,9,other\n")
    with pytest.raises(KeptFileError, match="another list"):
        run(order(tmp_path), Transport())
    assert part_of(tmp_path / "out.csv").exists()


def test_a_list_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    """Answers would be in the wrong places: nothing is written, and what was answered is kept."""
    path = tmp_path / "list.csv"
    transport = Transport(each=lambda: path.write_text(path.read_text() + "c0,0,late\n"))
    with pytest.raises(TableError, match="was changed while it was read"):
        run(order(tmp_path), transport)
    assert not (tmp_path / "out.csv").exists()
    assert part_of(tmp_path / "out.csv").exists()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    """A result is never written over a file that came meanwhile; asked about is nobody."""
    with pytest.raises(QuotaError):
        run(order(tmp_path), Transport(fail_after=4))
    (tmp_path / "out.csv").write_text("mine")
    transport = Transport()
    with pytest.raises(TableError, match="there is a file already"):
        run(order(tmp_path), transport)
    assert (transport.asked, (tmp_path / "out.csv").read_text()) == ({}, "mine")


def test_an_end_between_result_and_part_file_is_mended(tmp_path: Path) -> None:
    """Where all is answered and the result could not be written, or not all, it is written without a question."""
    what, transport = order(tmp_path), Transport()
    new = tmp_path / "out.csv.new"
    new.mkdir()  # takes the result's temporary name
    with pytest.raises(TableError, match="cannot be written"):
        run(what, Transport())
    new.rmdir()
    (tmp_path / "out.csv").write_text("of the run that ended before it took its part file away")
    summary, _ = run(what, transport)
    assert (summary.before, summary.written, transport.asked) == (20, True, {})
    assert (tmp_path / "out.csv").read_text().startswith("id,token,outcome\nc1,token-1,MATCH\n")


def test_an_empty_list_gives_an_empty_result(tmp_path: Path) -> None:
    """A header alone is a list of nobody."""
    summary, _ = run(order(tmp_path, rows=0, keep=()), Transport())
    assert (summary.rows, summary.written) == (0, True)
    assert (tmp_path / "out.csv").read_text() == "token,outcome\n"
