"""The three kinds of sources give the same rows."""

from __future__ import annotations

import csv
import sqlite3
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

from padan.table.arrow import text_column
from verifier.projector.chunk import Layout, read
from verifier.projector.columns import COLUMNS
from verifier.projector.errors import SourceError
from verifier.projector.fieldmap import FieldMap
from verifier.projector.source import open_source
from verifier.projector.table_source import TableSource
from verifier.synthetic import output
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.projector.source import Source
    from verifier.synthetic.member import Row


@pytest.fixture(scope="module")
def people() -> list[Row]:
    """Some people, in the order of their NIKs."""
    return sorted(Population(people=250, seed=1, faults=False).rows(Tally()))


def rows_of(source: Source, size: int = 64) -> list[list[str]]:
    """Read a source, and check the numbers of its chunks on the way."""
    binding = FieldMap().bind(source.columns)
    layout = Layout(binding=binding, delimiter=source.delimiter, width=len(source.columns))
    rows: list[list[str]] = []
    for index, chunk in enumerate(source.chunks(binding.wanted, size)):
        assert chunk.index == index
        assert chunk.first_row == len(rows) + 1
        found = [row for row in read(chunk, layout) if isinstance(row, list)]
        assert len(found) == chunk.rows
        rows += found
    return rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_with_any_delimiter_and_mark(
    tmp_path: Path, people: list[Row], delimiter: str, mark: str
) -> None:
    """The header decides on the delimiter; a byte order mark is no part of it."""
    path = tmp_path / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        csv.writer(file, delimiter=delimiter).writerows([COLUMNS, *people])
    source = open_source(str(path))
    assert source.delimiter == delimiter
    assert source.size == path.stat().st_size
    assert rows_of(source) == people


def test_parquet(tmp_path: Path, people: list[Row]) -> None:
    """A Parquet file gives its rows, whatever the size of its row groups."""
    path = tmp_path / "people.parquet"
    output.write(path, COLUMNS, people)
    source = open_source(str(path))
    assert source.size == len(people)
    assert rows_of(source) == people


def test_a_sqlite_table(tmp_path: Path, people: list[Row]) -> None:
    """A table of SQLite gives its rows in the order of their NIKs."""
    path = tmp_path / "people.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE penduduk ({', '.join(COLUMNS)})")
        places = ", ".join("?" for _ in COLUMNS)
        insert = f"INSERT INTO penduduk VALUES ({places})"  # noqa: S608 - question marks
        connection.executemany(insert, reversed(people))
    connection.close()
    source = open_source(f"sqlite:///{path}#penduduk")
    assert source.size == len(people)
    assert rows_of(source) == people


def test_a_postgresql_table_with_its_own_types(postgres_url: str, people: list[Row]) -> None:
    """Dates and numbers of a database become text as the registry writes it."""
    types = {"TGL_LHR": "date", "NO_KAB": "smallint", "NO_KK": "bigint"}
    columns = ", ".join(f'"{name}" {types.get(name, "text")}' for name in COLUMNS)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA siak")
        connection.execute(f"CREATE TABLE siak.biodata ({columns})")
        with connection.cursor().copy("COPY siak.biodata FROM STDIN") as copy:
            for row in reversed(people):
                values = list(row)
                day = values[COLUMNS.index("TGL_LHR")]
                values[COLUMNS.index("TGL_LHR")] = f"{day[6:]}-{day[3:5]}-{day[:2]}"
                copy.write_row(values)
    source = open_source(postgres_url, table="siak.biodata")
    found = rows_of(source)
    assert [row[0] for row in found] == [row[0] for row in people]
    assert {row[COLUMNS.index("TGL_LHR")][4] for row in found} == {"-"}
    assert found[0][COLUMNS.index("NO_KK")] == people[0][COLUMNS.index("NO_KK")]
    assert found[0][COLUMNS.index("NO_KAB")] == str(int(people[0][COLUMNS.index("NO_KAB")]))


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([date(1990, 1, 2), None]), ["1990-01-02", None]),
        (pa.array([7.0, None]), ["7", None]),
        (pa.array([7.5]), ["7.5"]),
        (pa.array([3201], pa.int16()), ["3201"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([b"a"]), ["a"]),
        (pa.array([None]), [None]),
        (pa.array([0], pa.timestamp("us")), ["1970-01-01"]),
    ],
)
def test_arrow_values_as_text(column: pa.Array, texts: list[str | None]) -> None:
    """Every type of value is written as the registry would."""
    assert text_column(column).to_pylist() == texts


def test_names_show_no_password() -> None:
    """The name of a source, which goes into files and messages, has no password, wherever it was given."""
    engine = sa.create_engine("postgresql+psycopg://reader:s3cret@host/db?password=s3cret")
    table = sa.Table("biodata", sa.MetaData(), schema="siak")
    name = TableSource(engine=engine, table=table, size=0).name
    assert name == "postgresql+psycopg://reader:***@host/db#siak.biodata"


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("missing.csv", "no such file"),
        ("people.xlsx", "ends in"),
        ("broken.parquet", "Parquet"),
        ("binary.csv", "UTF-8"),
        ("empty.csv", "header"),
        ("sqlite:///missing/x.sqlite#t", "cannot be read"),
        ("sqlite:///:memory:#t", "no table t"),
        ("sqlite:///:memory:", "name the table"),
        ("nonsense://x#t", "cannot be read"),
    ],
)
def test_what_is_no_source_says_why(tmp_path: Path, where: str, says: str) -> None:
    """A source that cannot be opened is refused before anything else happens."""
    for name, content in {
        "people.xlsx": b"x",
        "broken.parquet": b"x",
        "binary.csv": b"\xff\xfe\n",
        "empty.csv": b"\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says):
        open_source(where if "://" in where else str(tmp_path / where))
