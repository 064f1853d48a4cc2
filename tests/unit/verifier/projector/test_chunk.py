"""Reading chunks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from verifier.projector import arrow
from verifier.projector.chunk import Chunk, Layout, Unreadable, read
from verifier.projector.columns import COLUMNS
from verifier.projector.fieldmap import FieldMap

HEADER = ("NIK", "NAMA_LGKP")
MAP = FieldMap(absent=frozenset(COLUMNS) - set(HEADER) - {"STATUS_HIDUP"}, defaults={"STATUS_HIDUP": "1"})
LAYOUT = Layout(binding=MAP.bind(HEADER), delimiter=",", width=2)


def csv_chunk(payload: bytes, rows: int) -> Chunk:
    """Make a chunk of CSV."""
    return Chunk(index=0, first_row=1, rows=rows, payload=payload, done=0)


def test_csv_rows_come_in_the_order_of_the_fields() -> None:
    """Values stand where their field does, defaults fill in, spaces go."""
    [row] = read(csv_chunk(b" 1 ,BUDI SANTOSO\n", 1), LAYOUT)
    assert isinstance(row, list)
    assert dict(zip(COLUMNS, row, strict=True)) == {
        **dict.fromkeys(COLUMNS, ""),
        "NIK": "1",
        "NAMA_LGKP": "BUDI SANTOSO",
        "STATUS_HIDUP": "1",
    }


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"1\n", "row.columns"),
        (b"1,2,3\n", "row.columns"),
        (b"1,\xff\n", "row.encoding"),
        (b"1,a\rb\n", "row.csv"),
        (b"1," + b"x" * 200_000 + b"\n", "row.csv"),
    ],
)
def test_a_row_that_is_none_says_why_and_the_next_is_read(line: bytes, rule: str) -> None:
    """Wrong columns, wrong encoding and what CSV cannot be cost one row."""
    first, second = read(csv_chunk(line + b"2,ANI\n", 2), LAYOUT)
    assert first == Unreadable(rule)
    assert isinstance(second, list)


def test_other_line_separators_are_letters() -> None:
    """A field may hold what Unicode calls a line separator."""
    [row] = read(csv_chunk("1,A\u2028B\n".encode(), 1), LAYOUT)
    assert isinstance(row, list)
    assert row[2] == "A\u2028B"


def test_an_arrow_stream_reads_like_csv() -> None:
    """Columns of an Arrow stream stand where their field does; null is empty."""
    payload = arrow.stream([pa.array(["1", "2"]), pa.array([" BUDI", None])])
    rows = list(read(csv_chunk(payload, 2), Layout(binding=MAP.bind(HEADER))))
    assert [row[0:3:2] for row in rows if isinstance(row, list)] == [["1", "BUDI"], ["2", ""]]


def test_a_chunk_shows_nothing_of_its_rows() -> None:
    """The repr of a chunk holds no payload."""
    assert "BUDI" not in repr(csv_chunk(b"1,BUDI\n", 1))
