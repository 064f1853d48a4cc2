"""One fictional resident: from age, sex and home to a row of the registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from verifier.synthetic.chance import spread
from verifier.synthetic.people import FEMALE
from verifier.synthetic.places import PAPUA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from verifier.synthetic.numbers import Serials
    from verifier.synthetic.people import People
    from verifier.synthetic.places import Country, Province

Row = list[str]
"""Values in the order of `columns.COLUMNS`."""

ALIVE, DEAD, MOVED = "1", "2", "3"
"""Codes of list "life_status"."""
CITIZEN, FOREIGNER = "1", "2"
SINGLE, MARRIED, DIVORCED, WIDOWED = "1", "2", "3", "4"
HEAD, WIFE, CHILD, PARENT = "1", "3", "4", "7"

_BLOOD = spread({"13": 52, "4": 18, "1": 12, "2": 13, "3": 3, "11": 1, "5": 0.5, "7": 0.5})
_SCHOOLING = spread({"2": 8, "3": 26, "4": 18, "5": 32, "6": 1, "7": 4, "8": 10, "9": 0.9, "10": 0.1})
_MEN_WORK = ("9", "88", "15", "19", "11", "20", "84", "5", "81", "65", "6", "7", "12", "13", "39", "88")
_WOMEN_WORK = ("2", "2", "2", "2", "9", "15", "84", "88", "65", "5", "74", "73", "20", "23", "64", "88")
_PUPIL_AGE, _ADULT_AGE, _PENSION_AGE = 6, 19, 65
_NO_WORK, _PUPIL, _PENSIONER = "1", "3", "4"
_MOVED_SHARE, _ABROAD_SHARE, _OLD_PREFIX_SHARE = 0.16, 0.4, 0.5
_DIVISION = date(2022, 11, 11)
"""Since then Papua has six provinces; who was registered there before has a prefix of an older numbering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the members of a household share."""

    province: Province
    district: str
    village: str
    address: str
    rt: str
    rw: str
    family_card: str
    people: People
    religion: str
    family: str


def first_district(rng: Random, home: Home, land: Country, born: date) -> str:
    """Draw the district of first registration: most people's home, for movers another, in Papua often a retired one."""
    if home.province.code in PAPUA and born < _DIVISION and rng.random() < _OLD_PREFIX_SHARE:
        return land.draw_retired(rng) or home.district
    if rng.random() >= _MOVED_SHARE:
        return home.district
    origin = land.draw_province(rng) if rng.random() < _ABROAD_SHARE else home.province
    return origin.draw_district(rng)


def _work(rng: Random, age: int, sex: str) -> str:
    if age <= _PUPIL_AGE:
        return _NO_WORK
    if age <= _ADULT_AGE:
        return _PUPIL
    if age > _PENSION_AGE and rng.random() < 0.2:  # noqa: PLR2004 - share of pensioners
        return _PENSIONER
    choices: Sequence[str] = _WOMEN_WORK if sex == FEMALE else _MEN_WORK
    return choices[int(rng.random() * len(choices))]


def _schooling(rng: Random, age: int) -> str:
    if age <= _PUPIL_AGE:
        return "1"
    if age <= _ADULT_AGE:
        return "2" if age < 13 else ("3" if age < 16 else "4")  # noqa: PLR2004 - ages of school leaving
    return _SCHOOLING[int(rng.random() * len(_SCHOOLING))]


def _life(rng: Random, age: int) -> str:
    chance = rng.random()
    if chance > 0.996:  # noqa: PLR2004 - four in a thousand have left the country
        return MOVED
    return DEAD if chance < (0.004 + (0.006 * (age - 55) if age > 55 else 0)) else ALIVE  # noqa: PLR2004 - mortality by age


NAME_COLUMN: Final = 2
BIRTH_COLUMN: Final = 4
LIFE_COLUMN: Final = 21


def member(
    rng: Random,
    home: Home,
    *,
    nik: str,
    name: str,
    mother: str,
    born: date,
    age: int,
    sex: str,
    marital: str,
    relation: str,
) -> Row:
    """Build a row; a few values are blank, as in any registry."""
    gaps = rng.random()
    district = home.district
    return [
        nik,
        home.family_card,
        name,
        home.province.draw_town(rng),
        f"{born.day:02}-{born.month:02}-{born.year}",
        sex,
        marital,
        home.religion,
        _BLOOD[int(rng.random() * len(_BLOOD))],
        _work(rng, age, sex),
        _schooling(rng, age),
        relation,
        mother if gaps > 0.01 else "",  # noqa: PLR2004 - one in a hundred is not known
        home.address if gaps < 0.998 else "",  # noqa: PLR2004 - two in a thousand
        home.rt,
        home.rw,
        district[:2],
        district[2:4],
        district[4:],
        home.village,
        CITIZEN if gaps < 0.9995 else FOREIGNER,  # noqa: PLR2004 - five in ten thousand
        _life(rng, age),
    ]


def number(rng: Random, serials: Serials, home: Home, land: Country, *, born: date, sex: str) -> str:
    """Hand out a member's NIK."""
    return serials.take(first_district(rng, home, land, born), born, female=sex == FEMALE)
