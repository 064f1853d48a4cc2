"""Runs and their merging."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.projector import merge, runs
from verifier.projector.errors import RunError
from verifier.projector.rejects import Reject
from verifier.projector.runs import RunHeader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BOX = 5


def header(kept: int, index: int = 0) -> RunHeader:
    """Make a header."""
    return RunHeader(
        epoch=3, index=index, first_row=1, rows=kept + 1, mac="aa", kept=kept, box_size=BOX,
        rejects=(Reject(1, "NIK", "nik.date"),),
    )  # fmt: skip


def record(token: int, row: int) -> bytes:
    """Make a record whose box tells its row."""
    return token.to_bytes(16, "big") + row.to_bytes(8, "big") + row.to_bytes(BOX, "big")


def write(folder: Path, index: int, pairs: Sequence[tuple[int, int]]) -> Path:
    """Write a run of (token, row) pairs."""
    path = folder / f"{index}.run"
    runs.write(path, header(len(pairs), index), sorted(record(*pair) for pair in pairs))
    return path


def test_a_run_reads_as_it_was_written(tmp_path: Path) -> None:
    """Header and records come back, and nothing but the run is left in the folder."""
    pairs = [(number * 7, number) for number in range(500)]
    path = write(tmp_path, 0, pairs)
    assert runs.read_header(path) == header(500)
    assert list(runs.read(path)) == [record(*pair) for pair in pairs]
    assert list(tmp_path.iterdir()) == [path]


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    """A flipped bit anywhere in a run is an error, never other rows."""
    path = write(tmp_path, 0, [(1, 1), (2, 2)])
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(RunError):
            list(runs.read(path))


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    """A run that lost its end, or got more, is an error."""
    path = write(tmp_path, 0, [(1, 1), (2, 2)])
    whole = path.read_bytes()
    for data in (*(whole[:place] for place in range(len(whole))), whole + b"x"):
        path.write_bytes(data)
        with pytest.raises(RunError):
            list(runs.read(path))


@settings(deadline=None, max_examples=30)  # each example waits for a disk
@given(st.lists(st.lists(st.integers(0, 30), max_size=20), min_size=1, max_size=6))
def test_merging_keeps_the_first_row_of_each_number(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[list[int]]
) -> None:
    """Tokens come once, ascending, with the lowest row; all other rows are told."""
    folder = tmp_path_factory.mktemp("runs")
    rows = iter(range(1, 1_000))
    chunks = [[(token, next(rows)) for token in chunk] for chunk in tokens]
    paths = [write(folder, index, chunk) for index, chunk in enumerate(chunks)]
    doubled = array("Q")
    merged = [(int.from_bytes(token), int.from_bytes(box)) for token, box in merge.unique(paths, doubled)]
    everything = [pair for chunk in chunks for pair in chunk]
    first = dict(reversed(everything))
    assert merged == sorted(first.items())
    assert sorted([*doubled, *first.values()]) == [row for _, row in everything]


def test_many_runs_are_merged_in_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More runs than may be open at once are merged first, and nothing is lost."""
    monkeypatch.setattr(merge, "FAN_IN", 3)
    paths = [write(tmp_path, index, [(100 - index, index), (200 + index, index)]) for index in range(20)]
    narrow = merge.narrow(paths, tmp_path)
    assert len(narrow) <= 3
    assert len(list(merge.unique(narrow, array("Q")))) == 40
    assert merge.narrow(paths[:3], tmp_path) == paths[:3]
