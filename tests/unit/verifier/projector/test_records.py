"""Cutting CSV into records."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.projector.records import LONGEST_RECORD, records

FIELD = st.text(alphabet='ab"\n;, \x85', max_size=12)


@given(st.lists(st.lists(FIELD, min_size=2, max_size=4), max_size=20), st.sampled_from([",", ";"]))
def test_what_csv_writes_is_cut_between_its_rows(rows: list[list[str]], delimiter: str) -> None:
    """Each record, read alone, is the row that was written."""
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    cut = list(records(io.BytesIO(file.getvalue().encode()), delimiter.encode()))
    read = [next(csv.reader(io.StringIO(record.decode(), newline=""), delimiter=delimiter)) for record in cut]
    assert read == rows


@given(st.binary(max_size=400).map(lambda data: data.replace(b"\r", b"")))
def test_any_bytes_are_cut_without_loss(data: bytes) -> None:
    """Whatever the bytes, reading ends, and no record is empty."""
    for record in records(io.BytesIO(data), b","):
        assert record.endswith(b"\n")
        assert record.strip()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"", 0),
        (b"\n\n  \n", 0),
        (b"a,b", 1),
        (b"a,b\r\nc,d\r\n", 2),
        (b'O"BRIEN,x\nc,d\n', 2),
        (b'a,"two\nlines"\nc,d\n', 2),
        (b'a,"quo""te\n""s"\nc,d\n', 2),
        (b'a,"b"c,"d\ne"\nf,g\n', 2),
    ],
)
def test_lines_and_quotes(text: bytes, count: int) -> None:
    """Blank lines are none, stray quotes do not join lines, quoted line feeds do."""
    assert len(list(records(io.BytesIO(text), b","))) == count


def test_a_quote_that_is_never_closed_costs_one_record() -> None:
    """The line with the quote is broken; all others are read."""
    lines = [b"%d,x\n" % number for number in range(30_000)]
    text = b'0,"never closed\n' + b"".join(lines)
    assert len(text) > 2 * LONGEST_RECORD
    cut = list(records(io.BytesIO(text), b","))
    assert cut == [b"?\n", *lines]
