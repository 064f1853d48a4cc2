"""Writing files."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from verifier.synthetic import output

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [("1", "A, B"), ("2", "")]


def test_csv_is_what_csv_reads(tmp_path: Path) -> None:
    """A CSV file has a header and the rows."""
    path = tmp_path / "out.csv"
    assert output.write(path, ("NO", "NAMA"), ROWS) == 2
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["NO", "NAMA"], ["1", "A, B"], ["2", ""]]


def test_parquet_is_what_pyarrow_reads(tmp_path: Path) -> None:
    """A Parquet file has text columns."""
    path = tmp_path / "out.parquet"
    assert output.write(path, ("NO", "NAMA"), ROWS) == 2
    assert pq.read_table(path).to_pydict() == {"NO": ["1", "2"], "NAMA": ["A, B", ""]}


@pytest.mark.parametrize("name", ["out.xlsx", "missing/out.csv"])
def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path, name: str) -> None:
    """Another ending or a missing folder is refused."""
    with pytest.raises(output.OutputError):
        output.write(tmp_path / name, ("NO", "NAMA"), ROWS)
