"""The part file: what was kept is there after any end, for the same run alone."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from padan.issuing.part import Answered, Binding, Part
from padan.issuing.people import Columns
from padan.issuing.run import Terms
from padan.table.keptfile import KeptFileError
from padan.vocabulary import Attribute

if TYPE_CHECKING:
    from pathlib import Path

BINDING = Binding(
    registry="registry.test/development",
    agency="clinic",
    domain="health",
    terms=Terms(purpose="treatment", officer="desk-7", legal_basis="public_task"),
    columns=Columns(nik="nik", claims={Attribute.NAME: "name"}, keep=("id",)),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A list."""
    path = tmp_path / "list.csv"
    path.write_text("nik,name\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the part file stands."""
    return tmp_path / "out.csv.part"


def test_answers_are_there_the_next_time(path: Path, source: Path) -> None:
    """In the order of the rows, once each, under the same key; the file is for its owner alone."""
    part = Part.open(path, BINDING, source)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    part.keep([Answered(row=3, outcome="MATCH", token="t"), Answered(row=1, outcome="BAD_ROW: nik: none")])
    part.keep([Answered(row=3, outcome="NO_MATCH")])
    key = part.run.key
    part.close()
    again = Part.open(path, BINDING, source)
    assert again.run.key == key
    assert list(again.answers()) == [
        Answered(row=1, outcome="BAD_ROW: nik: none"),
        Answered(row=3, outcome="MATCH", token="t"),
    ]
    assert again.marks(4) == bytearray((0, 1, 0, 1, 0))
    assert again.counts() == {"BAD_ROW": 1, "MATCH": 1}
    assert [each.row for each in again.bad(5)] == [1]
    again.remove()
    assert [left.name for left in path.parent.iterdir()] == ["list.csv"]


def test_what_a_killed_process_kept_is_there(path: Path, source: Path) -> None:
    """A batch that was kept survives kill -9 in the middle of the next one, which is not there at all."""
    Part.open(path, BINDING, source).close()
    code = (
        "import os, signal, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 1')\n"
        "c.execute(\"INSERT INTO answer VALUES (1, 'MATCH', 't')\")\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "c.executemany('INSERT INTO answer VALUES (?, ?, ?)', ((n, 'MATCH', 'x' * 999) for n in range(2, 900)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    part = Part.open(path, BINDING, source)
    assert [each.row for each in part.answers()] == [1]
    part.close()


def test_a_file_that_was_only_begun_is_begun_anew(path: Path, source: Path) -> None:
    """An end before the first write leaves an empty file, which holds nobody up."""
    path.touch(0o600)
    part = Part.open(path, BINDING, source)
    assert part.counts() == {}
    part.close()


def test_another_list_is_refused(path: Path, source: Path) -> None:
    """A changed list is another one; the error names no line of it."""
    Part.open(path, BINDING, source).close()
    source.write_text("nik,name\n1,A\n")
    with pytest.raises(KeptFileError, match="another list, or one that has changed"):
        Part.open(path, BINDING, source)


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (replace(BINDING, domain="tax"), "token domain"),
        (replace(BINDING, agency="other"), "agency"),
        (replace(BINDING, terms=replace(BINDING.terms, officer="desk-8")), "officer"),
        (replace(BINDING, columns=replace(BINDING.columns, claims={Attribute.NAME: "nick"})), "columns"),
    ],
)
def test_another_run_is_refused(path: Path, source: Path, other: Binding, word: str) -> None:
    """What a request is made of must be the same; the error says which setting is not."""
    Part.open(path, BINDING, source).close()
    with pytest.raises(KeptFileError, match=word):
        Part.open(path, other, source)


def test_what_is_kept_beside_may_change(path: Path, source: Path) -> None:
    """Columns that only go into the result bind no request."""
    Part.open(path, BINDING, source).close()
    Part.open(path, replace(BINDING, columns=replace(BINDING.columns, keep=())), source).close()


def test_two_runs_never_share_a_file(path: Path, source: Path) -> None:
    """The second one is told that there is another."""
    first = Part.open(path, BINDING, source)
    with pytest.raises(KeptFileError, match="another run works with"):
        Part.open(path, BINDING, source)
    first.close()
    Part.open(path, BINDING, source).close()


@pytest.mark.parametrize("content", [b"no database" * 100, b""])
def test_what_is_no_part_file_is_refused(path: Path, source: Path, content: bytes) -> None:
    """Another file of that name is left as it is."""
    if content:
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE t (x)")
        other.close()
    before = path.read_bytes()
    with pytest.raises(KeptFileError) as refused:
        Part.open(path, BINDING, source)
    assert refused.value.next_step
    assert path.read_bytes() == before


def test_a_link_is_not_followed(path: Path, source: Path) -> None:
    """A name that leads elsewhere is refused, so that nobody has us write there."""
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(KeptFileError):
        Part.open(path, BINDING, source)
    assert not (path.parent / "elsewhere").exists()
