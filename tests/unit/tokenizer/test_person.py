"""Rows of the registry."""

from __future__ import annotations

import pickle
from datetime import date
from typing import TYPE_CHECKING

import pytest

from tokenizer.attribute import Attribute
from tokenizer.errors import RowError
from tokenizer.person import FIELDS, Person

if TYPE_CHECKING:
    from tokenizer.codes import CodeLists
    from tokenizer.person import Value

Row = dict[str, "Value"]


def _exact(person: Person) -> dict[int, bytes]:
    return dict(person.exact_values)


def test_a_full_row_is_read(row: Row, codes: CodeLists, today: date) -> None:
    """Every field of the registry ends up where it belongs."""
    assert set(row) == set(FIELDS)
    person = Person.from_registry(row, codes=codes, today=today)
    assert person.nik.value == row["NIK"]
    assert [attribute for attribute, _ in person.texts] == [
        Attribute.NAME, Attribute.MOTHER_NAME, Attribute.BIRTH_PLACE, Attribute.ADDRESS,
    ]  # fmt: skip
    assert person.birth_date == date(1980, 7, 1)
    assert person.region == "9902012003"
    assert person.life_status == "1"
    exact = _exact(person)
    assert exact[Attribute.RT - 1] == b"3"
    assert exact[Attribute.RELIGION - 1] == b"3"
    assert exact[Attribute.FAMILY_CARD_NUMBER - 1] == b"9902010101010001"
    assert len(exact) == 12


def test_only_the_nik_must_be_there(codes: CodeLists, today: date) -> None:
    """What a row lacks is not held."""
    person = Person.from_registry({"NIK": "9902014107800001"}, codes=codes, today=today)
    assert (person.texts, person.exact_values, person.birth_date, person.region) == ((), (), None, "")
    assert person.life_status is None


@pytest.mark.parametrize("nothing", [None, "", "  ", "-"])
def test_empty_fields_are_not_held(row: Row, codes: CodeLists, today: date, nothing: str | None) -> None:
    """None, nothing, spaces and a dash all mean that nobody wrote anything."""
    emptied: Row = {field: nothing for field in row if field != "NIK"}
    emptied["NIK"] = row["NIK"]
    assert Person.from_registry(emptied, codes=codes, today=today).exact_values == ()


def test_a_blood_type_that_is_not_known_is_not_held(row: Row, codes: CodeLists, today: date) -> None:
    """Nobody can match or fail "not known"."""
    person = Person.from_registry(row | {"GOL_DARAH": "TIDAK TAHU"}, codes=codes, today=today)
    assert Attribute.BLOOD_TYPE - 1 not in _exact(person)


def test_values_of_database_types_are_read(row: Row, codes: CodeLists, today: date) -> None:
    """A table may hold numbers and dates."""
    typed = row | {
        "NIK": 9902014107800001,
        "TGL_LHR": date(1980, 7, 1),
        "NO_RT": 3,
        "NO_PROP": 99,
        "AGAMA": 3,
    }
    one = Person.from_registry(typed, codes=codes, today=today)
    other = Person.from_registry(row, codes=codes, today=today)
    assert one.exact_values == other.exact_values
    assert (one.birth_date, one.region) == (other.birth_date, other.region)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("NIK", "", "nik.missing"),
        ("NIK", "990201410780000", "nik.format"),
        ("NIK", "9902017207800001", "nik.date"),
        ("NIK", "9902014107800000", "nik.serial"),
        ("NAMA_LGKP", "SITI\x07", "text.control"),
        ("NAMA_LGKP", "1234", "text.no_letter"),
        ("NAMA_LGKP_IBU", "A" * 101, "text.too_long"),
        ("TGL_LHR", "1980-13-01", "date.impossible"),
        ("TGL_LHR", "2030-01-01", "date.future"),
        ("AGAMA", "JEDI", "code.unknown"),
        ("NO_KK", "123", "family_card.format"),
        ("NO_RT", "1234", "neighbourhood.format"),
        ("NO_KAB", "123", "region.format"),
        ("ALAMAT", 1.5, "value.type"),
        ("TGL_LHR", 1.5, "value.type"),
    ],
)
def test_a_broken_row_is_refused_by_field_and_rule(
    row: Row, codes: CodeLists, *, today: date, field: str, value: Value, rule: str
) -> None:
    """The first broken field is named with its rule, and the value is not repeated."""
    with pytest.raises(RowError) as caught:
        Person.from_registry(row | {field: value}, codes=codes, today=today)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert not value or str(value) not in str(caught.value)


def test_a_person_hides_itself(row: Row, codes: CodeLists, today: date) -> None:
    """No repr and no pickle shows the row."""
    person = Person.from_registry(row, codes=codes, today=today)
    assert repr(person) == "Person(<redacted>)"
    with pytest.raises(TypeError):
        pickle.dumps(person)
