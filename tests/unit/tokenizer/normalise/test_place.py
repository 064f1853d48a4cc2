"""Names of places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.attribute import Kind
from tokenizer.errors import RuleError
from tokenizer.normalise import forms
from tokenizer.normalise.place import roman
from tokenizer.textform import form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BANDUNG", "Kab. Bandung"),
        ("KABUPATEN BANDUNG", "KAB. BANDUNG"),
        ("KOTA ADMINISTRASI JAKARTA PUSAT", "Kota Jakarta Pusat"),
        ("PAPUA", "P A P U A"),
        ("DAERAH ISTIMEWA YOGYAKARTA", "DI YOGYAKARTA"),
        ("JOGJA", "YOGYAKARTA"),
        ("LUBUK LINGGAU BARAT II", "Lubuk Linggau Barat Dua"),
        ("GUNUNG KENCANA", "Gunungkencana"),
        ("GN. KENCANA", "GUNUNG KENCANA"),
        ("BALEPE'", "BALEPE"),
        ("BANJOEWANGI", "BANYUWANGI"),
        ("DJEMBER", "JEMBER"),
        ("KEP. SERIBU", "KEPULAUAN SERIBU"),
    ],
)
def test_writings_of_one_place_are_joined(one: str, other: str) -> None:
    """Kinds of region, abbreviations, numerals, spaces and old spelling do not matter."""
    assert form(Kind.PLACE, one).tolerant == form(Kind.PLACE, other).tolerant


@pytest.mark.parametrize(
    ("one", "other"), [("BANDUNG", "BANTUL"), ("MEDAN", "MADIUN"), ("KOTA", "KAB"), ("SERANG", "SEMARANG")]
)
def test_other_places_stay_apart(one: str, other: str) -> None:
    """Another town is another town."""
    assert form(Kind.PLACE, one).tolerant != form(Kind.PLACE, other).tolerant


def test_a_kind_alone_is_a_name() -> None:
    """Nothing is taken from the last word."""
    assert forms(Kind.PLACE, "KOTA").words == ("KATA",)
    assert forms(Kind.PLACE, "DI").words == ("DI",)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("I", 1),
        ("IV", 4),
        ("XIX", 19),
        ("XXXIX", 39),
        ("IIII", None),
        ("", None),
        ("VX", None),
        ("DIV", None),
    ],
)
def test_roman_numerals_are_read_up_to_39(word: str, value: int | None) -> None:
    """Only well-formed ones."""
    assert roman(word) == value


@given(st.text(alphabet="ABDEHIJKMNORTUVXY0123 .'-", max_size=30))
def test_places_are_idempotent(value: str) -> None:
    """The strict form of a strict form is itself, with the same tolerant form."""
    try:
        found = forms(Kind.PLACE, value)
    except RuleError:
        return
    assert forms(Kind.PLACE, found.strict) == found
    assert all(found.words)
