"""Tables of an agency: CSV and Parquet give the same rows, and are written as a whole or not at all."""

from __future__ import annotations

import csv
import stat
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from padan.table.errors import TableError
from padan.table.file import Stamp, open_table
from padan.table.row import CELLS, TEXT
from padan.table.sink import writing

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, text: str | bytes) -> Path:
    """Write a file."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write(path: Path, columns: list[Any]) -> None:
    """Write one chunk of columns as a table."""
    with writing(path, ["a"] * len(columns), [None] * len(columns)) as sink:
        sink.write(columns)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_is_read_as_programs_write_it(tmp_path: Path, delimiter: str, mark: str) -> None:
    """Any of four delimiters, a byte order mark, Windows line ends, quoted line ends; empty lines are no rows."""
    text = f'{mark}a{delimiter}b\r\n1{delimiter}"x\ny"\r\n\r\n3{delimiter}\r\n'
    table = open_table(written(tmp_path / "t.csv", text))
    assert (table.columns, table.count()) == (("a", "b"), 2)
    assert [(row.number, row.cells, row.fault) for row in table.rows(["b", "a"])] == [
        (1, ("x\ny", "1"), ""),
        (2, ("", "3"), ""),
    ]


def test_a_row_of_another_width_or_no_text_is_at_fault_alone(tmp_path: Path) -> None:
    """Good rows go on; the faulty one keeps its number and gives no cell."""
    table = open_table(written(tmp_path / "t.csv", b"a,b\n1,2\n3\n4,5,6\n7,\xff8\n9,10\n"))
    assert [(row.number, row.cells, row.fault) for row in table.rows(["a", "b"])] == [
        (1, ("1", "2"), ""),
        (2, ("", ""), CELLS),
        (3, ("", ""), CELLS),
        (4, ("", ""), TEXT),
        (5, ("9", "10"), ""),
    ]
    assert [row.fault for row in table.rows(["a"])][3] == ""
    assert list(table.kept(["b"])) == [(5, [["2", "", "5", "\ufffd8", "10"]])]


@pytest.mark.parametrize("body", ['1,"swallowed\n2,3\n4,5\n', '1,"a"b\n', "1," + "x" * 200_000 + "\n"])
def test_what_cannot_be_cut_into_cells_is_refused_with_its_row(tmp_path: Path, body: str) -> None:
    """A quotation mark that swallows rows is an error that names the row and repeats nothing of it."""
    table = open_table(written(tmp_path / "t.csv", f"a,b\n0,0\n{body}"))
    with pytest.raises(TableError, match="row 2 cannot be cut into cells") as refused:
        table.count()
    assert "swallowed" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"), [("t.csv", "\n1,2\n"), ("t.csv", ""), ("t.parquet", "x"), ("t.txt", "a")]
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: str) -> None:
    """A file without a header, of no known kind, or that is not what its name says."""
    with pytest.raises(TableError) as refused:
        open_table(written(tmp_path / name, content))
    assert refused.value.next_step


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    """A file that is not there is named."""
    with pytest.raises(TableError, match=name):
        open_table(tmp_path / name)
    with pytest.raises(TableError, match=name):
        Stamp.of(tmp_path / name)


def test_parquet_is_read_as_text(tmp_path: Path) -> None:
    """Whole numbers, dates, dictionaries and nulls are what a CSV file would have; kept columns stay as they are."""
    table = pa.table(
        {
            "nik": pa.array([3273010101909000, None], pa.int64()),
            "born": pa.array([date(1990, 1, 1), None]),
            "name": pa.array(["BUDI", "SITI"]).dictionary_encode(),
            "list": pa.array([[1], [2]]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = open_table(tmp_path / "t.parquet")
    assert found.count() == 2
    assert [row.cells for row in found.rows(["name", "nik", "born", "nik"])] == [
        ("BUDI", "3273010101909000", "1990-01-01", "3273010101909000"),
        ("SITI", "", "", ""),
    ]
    ((count, (kept,)),) = found.kept(["born"])
    assert isinstance(kept, pa.Array)
    assert (count, kept.type) == (2, pa.date32())
    assert list(found.kept([])) == [(2, [])]
    with pytest.raises(TableError, match="has no text"):
        list(found.rows(["list"]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("source", [".csv", ".parquet"])
def test_kept_columns_go_into_either_kind(tmp_path: Path, source: str, suffix: str) -> None:
    """Columns of either kind of file go into either kind, beside new ones; the file is for its owner alone."""
    if source == ".csv":
        (tmp_path / "t.csv").write_text("id,x\n7,a\n8,b\n")
    else:
        pq.write_table(pa.table({"id": pa.array([7, 8]), "x": ["a", "b"]}), tmp_path / "t.parquet")
    table = open_table(tmp_path / f"t{source}")
    output = tmp_path / f"out{suffix}"
    with writing(output, ["id", "new"], [*table.types(["id"]), None]) as sink:
        for count, columns in table.kept(["id"]):
            sink.write([*columns, ["n"] * count])
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    if suffix == ".csv":
        assert list(csv.reader(output.read_text().splitlines())) == [["id", "new"], ["7", "n"], ["8", "n"]]
    else:
        read = pq.read_table(output)
        assert read.schema.field("id").type == (pa.int64() if source == ".parquet" else pa.string())
        assert [str(cell) for cell in read["id"].to_pylist()] == ["7", "8"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({f"t{source}", output.name})


def test_what_csv_cannot_hold_is_refused(tmp_path: Path) -> None:
    """A column of lists goes into no CSV file, and nothing of it stays."""
    pq.write_table(pa.table({"id": pa.array([[1], [2]])}), tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    ((_, columns),) = table.kept(["id"])
    with pytest.raises(TableError, match="CSV cannot hold"):
        write(tmp_path / "out.csv", columns)
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_an_end_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    """Whatever ends the writing, the file of that name is the one before."""
    output = written(tmp_path / "out.csv", "before")
    with pytest.raises(ValueError, match="zip"):
        write(output, [["1"], ["2", "3"]])
    assert output.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    """A folder that is not there is an error with a next step."""
    with pytest.raises(TableError, match="cannot be written"):
        write(tmp_path / "no" / "out.csv", [["1"]])


def test_a_changed_file_has_another_stamp(tmp_path: Path) -> None:
    """One more byte shows."""
    path = written(tmp_path / "t.csv", "a\n")
    before = Stamp.of(path)
    assert Stamp.of(path) == before
    written(path, "a\n1\n")
    assert Stamp.of(path) != before
