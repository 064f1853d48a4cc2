"""The words of an agreement: the contract's enums under the names that stand in the document.

A document says `birth_date` where the contract says ATTRIBUTE_BIRTH_DATE. The names come from the contract itself,
so that a new attribute can be granted as soon as the contract has it. Numbers are those of padan.v1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan import vocabulary as words
from padan.v1 import attribute_pb2, biometric_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def _names(items: Iterable[tuple[str, int]], prefix: str) -> Mapping[str, int]:
    return {name.removeprefix(prefix).lower(): int(number) for name, number in items if number}


ATTRIBUTES: Final = _names(attribute_pb2.Attribute.items(), "ATTRIBUTE_")
LAWFUL_USES: Final = _names(attribute_pb2.LawfulUse.items(), "LAWFUL_USE_")
"""The five uses of UU 24/2013 Art. 58(4)."""
LEGAL_BASES: Final = _names(attribute_pb2.LegalBasis.items(), "LEGAL_BASIS_")
"""The six bases of UU 27/2022 Art. 20(2)."""
PROFILES: Final = _names(attribute_pb2.Profile.items(), "PROFILE_")
ANSWER_FORMS: Final = _names(attribute_pb2.AnswerForm.items(), "ANSWER_FORM_")
ASSURANCE_LEVELS: Final = _names(biometric_pb2.AssuranceLevel.items(), "ASSURANCE_LEVEL_")
PRESENTATION_ATTACKS: Final = _names(biometric_pb2.PresentationAttack.items(), "PRESENTATION_ATTACK_")

SENSITIVITIES: Final[Mapping[str, int]] = {"general": 1, "specific": 2, "protected": 3}
"""General and specific data of UU 27/2022 Art. 4; protected data of UU 24/2013 Art. 84(1)."""
RETENTIONS: Final[Mapping[str, int]] = {"short": 1, "standard": 2, "long": 3}
"""How long entries are kept: one, five (the default of the registry) or ten years."""
AGENCY_KINDS: Final[Mapping[str, int]] = {"central": 1, "regional": 2, "public_body": 3, "private": 4}

ATTRIBUTE_NAMES: Final[Mapping[int, str]] = {number: name for name, number in ATTRIBUTES.items()}

NAME: Final = ATTRIBUTES["name"]
MOTHER_NAME: Final = ATTRIBUTES["mother_name"]
FAMILY_CARD_NUMBER: Final = ATTRIBUTES["family_card_number"]
ADDRESS: Final = ATTRIBUTES["address"]
RT: Final = ATTRIBUTES["rt"]
RW: Final = ATTRIBUTES["rw"]
BLOOD_TYPE: Final = ATTRIBUTES["blood_type"]
AGE_AT_LEAST: Final = ATTRIBUTES["age_at_least"]
RESIDENT_IN_REGION: Final = ATTRIBUTES["resident_in_region"]
ALIVE: Final = ATTRIBUTES["alive"]
MODALITIES: Final = words.MODALITIES
"""Attributes that are proven by a capture, and never claimed."""
SUBSTANTIAL: Final = ASSURANCE_LEVELS["substantial"]
NONE_FOUND: Final = PRESENTATION_ATTACKS["none_found"]
LIFE_STATUS: Final = ATTRIBUTES["life_status"]

PREDICATES: Final = frozenset(number for number in ATTRIBUTES.values() if number >= AGE_AT_LEAST)
"""Each costs a guess whatever the answer."""

LISTS: Final = {"none": 0, "counts": 1, "rows": 2}
"""What a list of residents brings about their enrolments, by what the document writes: a higher number tells more."""
CONSENT: Final = LEGAL_BASES["consent"]
PER_CLAIM: Final = ANSWER_FORMS["per_claim"]
TOLERANT: Final = PROFILES["tolerant"]
LAW_ENFORCEMENT: Final = LAWFUL_USES["law_enforcement"]

ANCHORS: Final[Mapping[int, frozenset[int]]] = {
    NAME: frozenset({NAME}),
    MOTHER_NAME: frozenset({MOTHER_NAME}),
    FAMILY_CARD_NUMBER: frozenset({FAMILY_CARD_NUMBER}),
    ADDRESS: frozenset({ADDRESS, RT, RW}),
    **{modality: frozenset({modality}) for modality in sorted(MODALITIES)},
}
"""What can anchor a request, and the claims that must all be made for it: an address counts down to RT and RW; of a
modality the capture that must be brought."""

IMPLIED: Final = frozenset(
    ATTRIBUTES[name]
    for name in (
        "birth_date",
        "sex",
        "district",
        "regency",
        "province",
        "religion",
        "citizenship",
        "life_status",
        "age_at_least",
        "resident_in_region",
        "alive",
    )
)
"""What a number itself says, or what nearly everyone is: it proves no knowledge of a person."""

CODED: Final = frozenset(
    ATTRIBUTES[name]
    for name in (
        "sex",
        "religion",
        "marital_status",
        "blood_type",
        "occupation",
        "education",
        "family_relation",
        "citizenship",
        "life_status",
    )
)
"""Attributes whose values are codes of a list; an agency may speak its own codes for them."""
