"""Code lists, their aliases and the agencies' own codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokenizer.attribute import Attribute
from tokenizer.codes import CodeLists, fold
from tokenizer.errors import CodeError

if TYPE_CHECKING:
    from tokenizer.codes import CodeList


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        (Attribute.RELIGION, "3", "3"),
        (Attribute.RELIGION, "03", "3"),
        (Attribute.RELIGION, "katolik", "3"),
        (Attribute.RELIGION, "KATHOLIK", "3"),
        (Attribute.RELIGION, "Budha", "5"),
        (Attribute.RELIGION, "BUDDHA", "5"),
        (Attribute.RELIGION, "KONG HU CU", "6"),
        (Attribute.RELIGION, "Kepercayaan Terhadap Tuhan YME / Lainnya", "7"),
        (Attribute.SEX, "LAKI LAKI", "1"),
        (Attribute.SEX, "P", "2"),
        (Attribute.BLOOD_TYPE, "o+", "11"),
        (Attribute.BLOOD_TYPE, "AB", "3"),
        (Attribute.BLOOD_TYPE, "-", "13"),
        (Attribute.MARITAL_STATUS, "Kawin  Belum Tercatat", "2"),
        (Attribute.EDUCATION, "DIPLOMA IV/ STRATA I", "8"),
        (Attribute.EDUCATION, "SLTA / SEDERAJAT", "5"),
        (Attribute.OCCUPATION, "PEGAWAI NEGERI SIPIL (PNS)", "5"),
        (Attribute.OCCUPATION, "ANGGOTA DPR-RI", "48"),
        (Attribute.LIFE_STATUS, "MENINGGAL DUNIA", "2"),
        (Attribute.CITIZENSHIP, "Indonesia", "1"),
    ],
)
def test_codes_labels_and_aliases_are_understood(
    codes: CodeLists, attribute: Attribute, value: str, code: str
) -> None:
    """What cards and forms print is read as the code that it means."""
    assert codes.find(attribute, value) == code


@pytest.mark.parametrize("value", ["", " ", "0", "8", "ATHEIS", "3A", "33"])
def test_an_unknown_code_is_refused_without_being_repeated(codes: CodeLists, value: str) -> None:
    """A code that no list has is an error, and its message does not carry it."""
    with pytest.raises(CodeError) as caught:
        codes.find(Attribute.RELIGION, value)
    assert str(caught.value) == f"code.unknown: {caught.value.sentence}"


def test_an_agency_speaks_its_own_codes_and_only_those(codes: CodeLists) -> None:
    """With a mapping for an attribute its codes count, and a number that means something else to us does not."""
    own = {int(Attribute.MARITAL_STATUS): {"M": "2", "S": "BELUM KAWIN"}}
    assert codes.find(Attribute.MARITAL_STATUS, " M ", agency_codes=own) == "2"
    assert codes.find(Attribute.MARITAL_STATUS, "S", agency_codes=own) == "1"
    assert codes.find(Attribute.SEX, "P", agency_codes=own) == "2"
    for value in ("2", "KAWIN", "m"):
        with pytest.raises(CodeError):
            codes.find(Attribute.MARITAL_STATUS, value, agency_codes=own)


def test_a_mapping_to_a_code_that_is_not_ours_is_refused(codes: CodeLists) -> None:
    """A mistake in an agreement is a refusal, never a NO."""
    with pytest.raises(CodeError):
        codes.find(Attribute.SEX, "X", agency_codes={int(Attribute.SEX): {"X": "9"}})


def _spellings(one: CodeList) -> list[tuple[str, str]]:
    return [
        (fold(spelling), code.code)
        for code in one.codes
        for spelling in (code.code, code.label, *code.aliases)
    ]


def test_no_spelling_means_two_codes(codes: CodeLists) -> None:
    """Labels and aliases are unambiguous within a list."""
    for one in codes:
        meanings: dict[str, set[str]] = {}
        for spelling, code in _spellings(one):
            meanings.setdefault(spelling, set()).add(code)
        assert {spelling for spelling, found in meanings.items() if len(found) > 1} == set()


def test_every_list_says_its_version_and_source(codes: CodeLists) -> None:
    """A list without a source cannot be checked by anybody."""
    for one in codes:
        assert one.version
        assert len(one.source) > 20
        assert one.codes


def test_lists_are_loaded_once() -> None:
    """Loading again gives the same object."""
    assert CodeLists.load() is CodeLists.load()
