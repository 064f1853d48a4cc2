"""The contract's words as Python enumerations: the same names and numbers as padan/v1/attribute.proto.

A test holds them equal to the contract. Numbers that this release does not know are read with `verdict`, which makes
them NOT_AVAILABLE, as the contract asks of every client.
"""

from __future__ import annotations

import enum
from typing import Self

from padan.errors import InvalidRequestError, Violation


class _Word(enum.IntEnum):
    @classmethod
    def of(cls, word: str | int) -> Self:
        """Read a word: a member, its number, or its name in any case, with - or _.

        Raises:
            InvalidRequestError: no such word; the message lists those that there are.
        """
        name = word.strip().upper().replace("-", "_") if isinstance(word, str) else word
        try:
            return cls[name] if isinstance(name, str) else cls(name)
        except (KeyError, ValueError):
            known = ", ".join(member.label for member in cls)
            raise InvalidRequestError(
                f"unknown {cls.__name__.lower()}; known are: {known}",
                reason="INVALID_FIELD",
                fields=(Violation(field=cls.__name__.lower(), rule="KNOWN"),),
            ) from None

    @property
    def label(self) -> str:
        """The name in lower case, as command lines and files write it."""
        return self.name.lower()


class Attribute(_Word):
    """What may be claimed."""

    NAME = 1
    MOTHER_NAME = 2
    BIRTH_PLACE = 3
    BIRTH_DATE = 4
    SEX = 5
    ADDRESS = 6
    RT = 7
    RW = 8
    VILLAGE = 9
    DISTRICT = 10
    REGENCY = 11
    PROVINCE = 12
    FAMILY_CARD_NUMBER = 13
    RELIGION = 14
    MARITAL_STATUS = 15
    BLOOD_TYPE = 16
    OCCUPATION = 17
    EDUCATION = 18
    FAMILY_RELATION = 19
    CITIZENSHIP = 20
    LIFE_STATUS = 21
    FACE = 41
    FINGER = 42
    IRIS = 43
    AGE_AT_LEAST = 101
    RESIDENT_IN_REGION = 102
    ALIVE = 103


class Modality(_Word):
    """What of a person was captured."""

    FACE = 1
    FINGER = 2
    IRIS = 3

    @property
    def attribute(self) -> Attribute:
        """The attribute under which agreements grant it and answers tell of it."""
        return Attribute[self.name]


class AssuranceLevel(_Word):
    """How rarely another person is taken for the resident."""

    SUBSTANTIAL = 1
    HIGH = 2


class PresentationAttack(_Word):
    """What a capture device says about a presentation attack."""

    NOT_TESTED = 1
    NONE_FOUND = 2


class DisputeState(_Word):
    """Where a dispute stands."""

    OPENED = 1
    IN_REVIEW = 2
    RESOLVED = 3


class DisputeOutcome(_Word):
    """What an officer of the registry decided about a dispute."""

    CORRECTED = 1
    UPHELD = 2
    REJECTED = 3
    NOT_OURS = 4
    WITHDRAWN = 5


class Verdict(_Word):
    """What may be answered. NOT_AVAILABLE and BLOCKED say nothing about the person."""

    MATCH = 1
    NO_MATCH = 2
    NOT_HELD = 3
    NOT_AVAILABLE = 4
    QUALITY = 5
    BLOCKED = 6
    MATCH_NOT_ACTIVE = 7


class Profile(_Word):
    """How texts are compared."""

    STRICT = 1
    TOLERANT = 2


class AnswerForm(_Word):
    """How much of the answer is granted."""

    OVERALL = 1
    PER_CLAIM = 2


class LegalBasis(_Word):
    """Why an agency may ask (UU 27/2022 Art. 20(2))."""

    CONSENT = 1
    CONTRACT = 2
    LEGAL_DUTY = 3
    VITAL_INTEREST = 4
    PUBLIC_TASK = 5
    LEGITIMATE_INTEREST = 6


class LawfulUse(_Word):
    """The five lawful uses of population data (UU 24/2013 Art. 58(4))."""

    PUBLIC_SERVICE = 1
    DEVELOPMENT_PLANNING = 2
    BUDGET_ALLOCATION = 3
    DEMOCRATIC_DEVELOPMENT = 4
    LAW_ENFORCEMENT = 5


MODALITIES = frozenset(int(modality.attribute) for modality in Modality)
"""Attributes that are proven by a probe, and never claimed."""
_VERDICTS = {int(member): member for member in Verdict}


def verdict(number: int) -> Verdict:
    """Read a verdict from the wire; one that this release does not know is NOT_AVAILABLE."""
    return _VERDICTS.get(number, Verdict.NOT_AVAILABLE)


def label(kind: type[_Word], number: int) -> str:
    """Name a number of the wire for a person; one that this release does not know keeps its number."""
    return next((member.label for member in kind if member == number), f"unknown-{number}")
