"""The attributes that a record holds and the predicates over them.

Numbers are those of `padan.v1.Attribute` (a test holds them equal); each registry attribute has the presence bit and
the exact-token slot of its number less one, for ever. A new attribute gets a new number, a new slot comes out of the
record's reserved bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Attribute(enum.IntEnum):
    """Attributes of the registry (1 to 99) and predicates (101 to 199)."""

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
    AGE_AT_LEAST = 101
    RESIDENT_IN_REGION = 102
    ALIVE = 103


class Kind(enum.IntEnum):
    """How a value is read, normalised and compared. Integers, because they key tables on the hot path."""

    NAME = 1
    PLACE = 2
    ADDRESS = 3
    DATE = 4
    CODE = 5
    REGION = 6
    NEIGHBOURHOOD = 7
    FAMILY_CARD = 8
    AGE = 9
    RESIDENCE = 10
    ALIVE = 11


TEXT_KINDS: Final = frozenset({Kind.NAME, Kind.PLACE, Kind.ADDRESS})
PREDICATE_KINDS: Final = frozenset({Kind.AGE, Kind.RESIDENCE, Kind.ALIVE})


class Profile(enum.IntEnum):
    """How texts are compared; numbers of `padan.v1.Profile`. NONE stands in labels where no profile matters."""

    NONE = 0
    STRICT = 1
    TOLERANT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeInfo:
    """What is fixed about one attribute."""

    attribute: Attribute
    kind: Kind
    source: Attribute
    """The attribute whose presence decides whether an answer is held; itself, except for predicates."""
    slot: int
    """Presence bit and exact-token slot of the source, 0 to 20."""
    code_list: str = ""
    """Name of the code list of kind CODE."""
    digits: int = 0
    """Length of the code of kind REGION."""


def _info(
    attribute: Attribute, kind: Kind, *, code_list: str = "", digits: int = 0, source: Attribute | None = None
) -> AttributeInfo:
    held_by = source or attribute
    return AttributeInfo(
        attribute=attribute, kind=kind, source=held_by, slot=held_by - 1, code_list=code_list, digits=digits
    )


_TABLE = (
    _info(Attribute.NAME, Kind.NAME),
    _info(Attribute.MOTHER_NAME, Kind.NAME),
    _info(Attribute.BIRTH_PLACE, Kind.PLACE),
    _info(Attribute.BIRTH_DATE, Kind.DATE),
    _info(Attribute.SEX, Kind.CODE, code_list="sex"),
    _info(Attribute.ADDRESS, Kind.ADDRESS),
    _info(Attribute.RT, Kind.NEIGHBOURHOOD),
    _info(Attribute.RW, Kind.NEIGHBOURHOOD),
    _info(Attribute.VILLAGE, Kind.REGION, digits=10),
    _info(Attribute.DISTRICT, Kind.REGION, digits=6),
    _info(Attribute.REGENCY, Kind.REGION, digits=4),
    _info(Attribute.PROVINCE, Kind.REGION, digits=2),
    _info(Attribute.FAMILY_CARD_NUMBER, Kind.FAMILY_CARD),
    _info(Attribute.RELIGION, Kind.CODE, code_list="religion"),
    _info(Attribute.MARITAL_STATUS, Kind.CODE, code_list="marital_status"),
    _info(Attribute.BLOOD_TYPE, Kind.CODE, code_list="blood_type"),
    _info(Attribute.OCCUPATION, Kind.CODE, code_list="occupation"),
    _info(Attribute.EDUCATION, Kind.CODE, code_list="education"),
    _info(Attribute.FAMILY_RELATION, Kind.CODE, code_list="family_relation"),
    _info(Attribute.CITIZENSHIP, Kind.CODE, code_list="citizenship"),
    _info(Attribute.LIFE_STATUS, Kind.CODE, code_list="life_status"),
    _info(Attribute.AGE_AT_LEAST, Kind.AGE, source=Attribute.BIRTH_DATE),
    _info(Attribute.RESIDENT_IN_REGION, Kind.RESIDENCE, source=Attribute.PROVINCE),
    _info(Attribute.ALIVE, Kind.ALIVE, source=Attribute.LIFE_STATUS),
)

ATTRIBUTES: Final[Mapping[int, AttributeInfo]] = MappingProxyType(
    {int(info.attribute): info for info in _TABLE}
)
"""Attribute number to what is fixed about it."""

SLOTS: Final = 21
"""Exact-token slots of a record."""

TEXT_ATTRIBUTES: Final = tuple(info.attribute for info in _TABLE if info.kind in TEXT_KINDS)
"""Attributes that also hold a tolerant token and a filter, in the order of the record."""

REGION_LEVELS: Final[Mapping[int, Attribute]] = MappingProxyType(
    {2: Attribute.PROVINCE, 4: Attribute.REGENCY, 6: Attribute.DISTRICT, 10: Attribute.VILLAGE}
)
"""Digits of a region code to the attribute that holds it."""
