"""Where the fictional people live: districts by province, villages, addresses and places of birth.

District codes come from `padan.region`: current ones for residence, and retired ones for the numbers of people who
were first registered in Papua before its provinces were divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from padan import region
from verifier.synthetic.chance import spread
from verifier.synthetic.people import People, peoples, read_data

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_DISTRICT_DIGITS = 6
_CITY_FROM = "71"
"""Regency numbers from 71 are cities (kota); their villages are kelurahan, numbered from 1001, others from 2001."""
_CITY_SHARES = 3
PAPUA = frozenset({"91", "92", "93", "94", "95", "96"})

_STREETS = (
    "MAWAR", "MELATI", "KENANGA", "ANGGREK", "CEMPAKA", "DIPONEGORO", "JEND. SUDIRMAN", "A. YANI",
    "GATOT SUBROTO", "IMAM BONJOL", "KARTINI", "HASANUDDIN", "PATTIMURA", "VETERAN", "PEMUDA", "RAYA PASAR",
    "PELABUHAN", "KH. AHMAD DAHLAN", "TEUKU UMAR", "GAJAH MADA", "WOLTER MONGINSIDI", "SISINGAMANGARAJA",
    "PAHLAWAN", "PROKLAMASI", "MERDEKA", "MASJID", "GEREJA",
)  # fmt: skip
_HAMLETS = (
    "KRAJAN", "SUKAMAJU", "KARANGANYAR", "CIBOGO", "BABAKAN", "PASIR", "TANJUNG", "MEKARSARI", "SIDOREJO", "TEGALREJO",
    "WONOSARI", "KAMPUNG BARU", "PADANG", "LUBUK", "MUARA", "BATU", "TELUK", "SUMBER", "SUKAJADI", "CURUG",
)  # fmt: skip
_ESTATES = (
    "GRIYA ASRI",
    "BUMI INDAH",
    "TAMAN SARI",
    "PONDOK HIJAU",
    "VILLA MUTIARA",
    "PURI PERMAI",
    "GRAHA CITRA",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """A province as the generator sees it."""

    code: str
    districts: tuple[str, ...]
    """Current six-digit codes; those of cities stand in it several times."""
    towns: tuple[str, ...]
    peoples: tuple[People, ...]
    """Each as often as its share of the province asks."""

    def draw_people(self, rng: Random) -> People:
        """Draw a people by its share of the province."""
        return self.peoples[int(rng.random() * len(self.peoples))]

    def draw_district(self, rng: Random) -> str:
        """Draw a six-digit district code."""
        return self.districts[int(rng.random() * len(self.districts))]

    def draw_town(self, rng: Random) -> str:
        """Draw a place of birth, as written on a card."""
        return self.towns[int(rng.random() * len(self.towns))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """All provinces by their number of residents."""

    provinces: tuple[Province, ...]
    table: tuple[Province, ...]
    """Each as often as its number of residents asks."""
    retired: Mapping[str, tuple[str, ...]]
    """Province of an earlier time to its retired district codes."""

    def draw_province(self, rng: Random) -> Province:
        """Draw a province by its number of residents."""
        return self.table[int(rng.random() * len(self.table))]

    def draw_retired(self, rng: Random) -> str | None:
        """Draw a district code that is no longer in use; None if the table has none."""
        if not self.retired:
            return None
        codes = self.retired[rng.choice(tuple(self.retired))]
        return codes[int(rng.random() * len(codes))]


@cache
def country() -> Country:
    """Build the country from the region table and data/provinces.toml."""
    data = read_data("provinces.toml")
    current: dict[str, list[str]] = {}
    retired: dict[str, list[str]] = {}
    for code, listed in region.table().items():
        if len(code) == _DISTRICT_DIGITS:
            shares = _CITY_SHARES if code[2:4] >= _CITY_FROM else 1
            (current if listed.current else retired).setdefault(code[:2], []).extend([code] * shares)
    provinces = {code: _province(code, tuple(current[code]), data["towns"][code]) for code in data["people"]}
    return Country(
        provinces=tuple(provinces.values()),
        table=tuple(provinces[code] for code in spread(data["people"])),
        retired={code: tuple(codes) for code, codes in sorted(retired.items()) if code in PAPUA},
    )


def _province(code: str, districts: tuple[str, ...], towns: str) -> Province:
    living = {people.key: people for people in peoples() if people.share.get(code)}
    return Province(
        code=code,
        districts=districts,
        towns=tuple(town.strip().upper() for town in towns.split(",")),
        peoples=tuple(
            living[key] for key in spread({key: people.share[code] for key, people in living.items()})
        ),
    )


def draw_village(rng: Random, district: str) -> str:
    """Draw the four digits of a village in a district (kelurahan in a city, desa elsewhere)."""
    first = 1001 if district[2:4] >= _CITY_FROM else 2001
    return str(first + int(rng.random() * 12))


def draw_address(rng: Random, district: str) -> str:
    """Draw a street, an estate or a hamlet, in one of the forms in which people write them."""
    chance, number = rng.random(), int(rng.random() * 200) + 1
    if district[2:4] >= _CITY_FROM:
        chance *= 0.7
    if chance < 0.35:  # noqa: PLR2004 - shares of the forms
        return f"JL. {_STREETS[int(rng.random() * len(_STREETS))]} NO. {number}"
    if chance < 0.5:  # noqa: PLR2004 - as above
        return f"GG. {_STREETS[int(rng.random() * len(_STREETS))]} {'I' * (number % 3 + 1)} NO {number}"
    if chance < 0.6:  # noqa: PLR2004 - as above
        estate = _ESTATES[int(rng.random() * len(_ESTATES))]
        return f"PERUM {estate} BLOK {'ABCDEFGH'[number % 8]}{number % 20 + 1} NO. {number % 30 + 1}"
    hamlet = _HAMLETS[int(rng.random() * len(_HAMLETS))]
    return f"{('DUSUN', 'KP.', 'DSN')[number % 3]} {hamlet}"
