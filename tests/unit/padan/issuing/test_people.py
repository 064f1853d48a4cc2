"""Which columns of a list mean what, and which rows can be asked about."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from padan.errors import InvalidRequestError
from padan.issuing.people import BadRow, Columns, Person
from padan.table.errors import TableError
from padan.table.file import open_table
from padan.vocabulary import Attribute

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "id,nik,Name,born,religion\n"
NIK = "9971014101900001"


def columns(path: Path, text: str = HEADER, **chosen: Any) -> Columns:
    """Choose columns of a CSV file."""
    path.write_text(text)
    return Columns.choose(open_table(path), **{"nik": "nik", "claims": {}, **chosen})


def test_columns_named_like_attributes_are_claims(tmp_path: Path) -> None:
    """In any case, beside those that are mapped; what is left out, or is the number's, is none."""
    found = columns(
        tmp_path / "t.csv", claims={"birth-date": "born"}, without=["religion"], keep=["id", "id"]
    )
    assert found.claims == {Attribute.NAME: "Name", Attribute.BIRTH_DATE: "born"}
    assert (found.keep, found.asked) == (("id",), ["nik", "born", "Name"])


@pytest.mark.parametrize(
    ("chosen", "word"),
    [
        ({"nik": "number"}, "--nik-column is not in"),
        ({"claims": {"name": "nobody"}}, "--claim is not in"),
        ({"keep": ["customer"]}, "--keep is not in"),
        ({"consent": "receipt"}, "--consent-column is not in"),
        ({"keep": ["nik"]}, "--keep names the number"),
        ({"keep": ["Name"]}, "--keep names the number, a claim"),
        ({"without": ["Name", "religion"]}, "no column is named like an attribute"),
    ],
)
def test_columns_that_cannot_be_are_refused(tmp_path: Path, chosen: dict[str, Any], word: str) -> None:
    """A missing one, none at all, and one that tells who the person is: each names its option and a next step."""
    with pytest.raises(TableError, match=word) as refused:
        columns(tmp_path / "t.csv", **chosen)
    assert refused.value.next_step


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Nobody can say which one is meant."""
    with pytest.raises(TableError, match="--nik-column stands twice"):
        columns(tmp_path / "t.csv", "nik,name,nik\n")


def test_a_file_without_a_header_tells_nothing_of_its_first_person(tmp_path: Path) -> None:
    """The first line of data is no header, and no word of it stands in the error."""
    with pytest.raises(TableError, match="is not in the header") as refused:
        columns(tmp_path / "t.csv", f"{NIK},SITTI\n{NIK},BUDI\n")
    assert NIK not in f"{refused.value} {refused.value.next_step}"
    assert "SITTI" not in f"{refused.value} {refused.value.next_step}"


def test_an_unknown_attribute_is_refused(tmp_path: Path) -> None:
    """The attributes that there are stand in the error."""
    with pytest.raises(InvalidRequestError, match="birth_date"):
        columns(tmp_path / "t.csv", claims={"height": "born"})


def test_numbers_that_lost_digits_are_refused(tmp_path: Path) -> None:
    """A column of floating point is not believed: 16 digits do not fit it."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"nik": pa.array([9.171010101900001e15]), "name": ["A"]}), path)
    with pytest.raises(TableError, match="floating point"):
        Columns.choose(open_table(path), nik="nik", claims={})


def test_rows_are_people_or_the_rule_they_break(tmp_path: Path) -> None:
    """Without a number or a claim there is nobody to ask about; empty cells are no claims."""
    path = tmp_path / "t.csv"
    found = columns(path, "nik,name,birth_date,receipt\n", consent="receipt")
    path.write_text(
        f"nik,name,birth_date,receipt\n{NIK},Sitti,1990-01-01,c-1\n,Sitti,,c-2\n{NIK}, ,,c-3\n{NIK}\n{NIK},A,,\n"
    )
    rows = list(found.people(open_table(path)))
    assert rows == [
        Person(
            row=1,
            nik=NIK,
            claims={Attribute.NAME: "Sitti", Attribute.BIRTH_DATE: "1990-01-01"},
            consent_receipt="c-1",
        ),
        BadRow(row=2, rule="nik: there is none"),
        BadRow(row=3, rule="claims: there is none"),
        BadRow(row=4, rule="it has another number of cells than the header"),
        Person(row=5, nik=NIK, claims={Attribute.NAME: "A"}),
    ]
    assert NIK not in repr(rows)
    assert "Sitti" not in repr(rows)
    with pytest.raises(TypeError):
        pickle.dumps(rows[0])
