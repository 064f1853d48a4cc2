"""Street addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.attribute import Kind
from tokenizer.errors import RuleError
from tokenizer.normalise import forms
from tokenizer.textform import form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("JL. HM. THAMRIN KAV. 8", "JALAN H.M. THAMRIN KAVLING 8"),
        ("Jln Mawar No.3", "JALAN MAWAR NOMOR 03"),
        ("JL MAWAR NO3", "JALAN MAWAR NO 3"),
        ("GG. MELATI", "GANG MELATI"),
        ("KP CIBEUREUM RT.03/05", "KAMPUNG CIBEUREUM RT 003 RW 005"),
        ("KP CIBEUREUM RT03/RW05", "KAMPUNG CIBEUREUM RT 3 RW 5"),
        ("DK. NGEMPLAK", "DUKUH NGEMPLAK"),
        ("KEL. SUKAMAJU KEC. CIBINONG", "KELURAHAN SUKAMAJU KECAMATAN CIBINONG"),
        ("LK. III", "LINGKUNGAN 3"),
        ("KOMPLEK DPR", "KOMPLEKS DPR"),
        ("PERUM GRIYA ASRI BLK C9", "PERUMAHAN GRIYA ASRI BLOK C-9"),
        ("DSN. KRAJAN", "DUSUN KRAJAN"),
        ("DI YOGYAKARTA", "DAERAH ISTIMEWA YOGYAKARTA"),
        ("JL. SOEDIRMAN", "JALAN SUDIRMAN"),
    ],
)
def test_writings_of_one_address_are_joined(one: str, other: str) -> None:
    """Abbreviations, leading zeros, glued numbers, numerals and initials do not matter."""
    assert form(Kind.ADDRESS, one).tolerant == form(Kind.ADDRESS, other).tolerant


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("JL. MAWAR NO. 3", "JL. MAWAR NO. 13"),
        ("JL. MAWAR NO. 3", "JL. MELATI NO. 3"),
        ("GG. MAWAR", "JL. MAWAR"),
        ("KP BARU RT 1 RW 2", "KP BARU RT 2 RW 1"),
    ],
)
def test_other_addresses_stay_apart(one: str, other: str) -> None:
    """House numbers, names of streets, lanes and neighbourhoods count."""
    assert form(Kind.ADDRESS, one).tolerant != form(Kind.ADDRESS, other).tolerant


@given(st.text(alphabet="ABGJKLNORTVWX0123 ./'-", max_size=40))
def test_addresses_are_idempotent(value: str) -> None:
    """The strict form of a strict form is itself, with the same tolerant form."""
    try:
        found = forms(Kind.ADDRESS, value)
    except RuleError:
        return
    assert forms(Kind.ADDRESS, found.strict) == found
    assert all(found.words)
