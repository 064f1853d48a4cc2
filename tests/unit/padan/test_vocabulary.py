"""The contract's words in Python."""

from __future__ import annotations

from typing import Any

import pytest

from padan import vocabulary
from padan.errors import InvalidRequestError
from padan.v1 import attribute_pb2, biometric_pb2
from padan.vocabulary import MODALITIES, Attribute, LegalBasis, Modality, Verdict


@pytest.mark.parametrize(
    ("name", "file"),
    [
        *((each, attribute_pb2) for each in ("Attribute", "Verdict", "Profile", "AnswerForm")),
        *((each, attribute_pb2) for each in ("LegalBasis", "LawfulUse")),
        *((each, biometric_pb2) for each in ("Modality", "AssuranceLevel", "PresentationAttack")),
    ],
)
def test_words_equal_the_contract(name: str, file: Any) -> None:
    """Names and numbers are those of the .proto file, without UNSPECIFIED."""
    contract = file.DESCRIPTOR.enum_types_by_name[name].values_by_name
    prefix = next(iter(contract)).removesuffix("UNSPECIFIED")
    expected = {key.removeprefix(prefix): value.number for key, value in contract.items() if value.number}
    assert {word.name: int(word) for word in getattr(vocabulary, name)} == expected


def test_each_modality_is_an_attribute() -> None:
    """Agreements and answers name a modality as an attribute of the same name."""
    assert {modality.attribute for modality in Modality} == MODALITIES
    assert Modality.FINGER.attribute is Attribute.FINGER


@pytest.mark.parametrize("word", ["birth_date", "BIRTH-DATE", " Birth_Date ", 4, Attribute.BIRTH_DATE])
def test_words_are_read_in_any_spelling(word: str | int) -> None:
    """A member, a number and a name in any case, with hyphens too."""
    assert Attribute.of(word) is Attribute.BIRTH_DATE


@pytest.mark.parametrize("word", ["", "shoe_size", 0, 99, -1])
def test_unknown_word_lists_the_known(word: str | int) -> None:
    """An unknown word is refused with the list of those that there are."""
    with pytest.raises(InvalidRequestError, match="contract, legal_duty"):
        LegalBasis.of(word)


def test_unknown_verdict_is_not_available() -> None:
    """Zero and numbers of a newer contract read as NOT_AVAILABLE."""
    assert [vocabulary.verdict(number) for number in (0, 1, 2, 8, 99)] == [
        Verdict.NOT_AVAILABLE,
        Verdict.MATCH,
        Verdict.NO_MATCH,
        Verdict.NOT_AVAILABLE,
        Verdict.NOT_AVAILABLE,
    ]


def test_label_keeps_unknown_numbers() -> None:
    """A number that this release does not know stays visible."""
    assert vocabulary.label(Attribute, 4) == "birth_date"
    assert vocabulary.label(Attribute, 77) == "unknown-77"
