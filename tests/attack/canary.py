"""Canaries: made-up personal values that stand nowhere else, every form in which one could lie about, and the search.

A form is at least ten bytes long, so that none appears by chance in what is searched.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import random
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tests.people import BUDI

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHORTEST = 10
_STEP = 8
_CONSONANTS = "bdfghjklmnprstwyz"
_VOWELS = "aiueo"
TEMPLATE_BYTES = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A made-up person; each value is known to nobody else."""

    nik: str
    family_card: str
    name: str
    mother: str
    birth_date: str
    address: str
    place: str
    template: bytes

    def values(self) -> tuple[str | bytes, ...]:
        """List the values."""
        return (
            self.nik,
            self.family_card,
            self.name,
            self.mother,
            self.birth_date,
            self.address,
            self.place,
            self.template,
        )

    def row(self) -> dict[str, str]:
        """Write the person as the registry does."""
        return {
            **BUDI,
            "NIK": self.nik,
            "NO_KK": self.family_card,
            "NAMA_LGKP": self.name,
            "NAMA_LGKP_IBU": self.mother,
            "TGL_LHR": self.birth_date,
            "ALAMAT": self.address,
            "TMPT_LHR": self.place,
        }


VALUES_EACH = 8


def flock(people: int, *, seed: int) -> list[Canary]:
    """Make people."""
    source = random.Random(seed)
    days = source.sample(range(30 * 365), people)
    return [_canary(source, day, number) for number, day in enumerate(days)]


def _canary(source: random.Random, day: int, number: int) -> Canary:
    born = dt.date(1921, 1, 1) + dt.timedelta(days=day)
    area = f"{source.randrange(11, 95)}{source.randrange(1, 80):02}{source.randrange(1, 40):02}"
    return Canary(
        nik=f"{area}{born:%d%m%y}{number % 9_000 + 1_000}",
        family_card=f"{area}{source.randrange(10**6):06}{number % 9_000 + 1_000}",
        name=f"{_word(source)} {_word(source)}".upper(),
        mother=f"{_word(source)} {_word(source)}".upper(),
        birth_date=born.isoformat(),
        address=f"JL. {_word(source)} {_word(source)} NO. {source.randrange(1, 200)}".upper(),
        place=(_word(source) + _word(source)).upper(),
        template=source.randbytes(TEMPLATE_BYTES),
    )


def _word(source: random.Random) -> str:
    return "".join(source.choice(_CONSONANTS) + source.choice(_VOWELS) for _ in range(4))


def forms(value: str | bytes) -> Iterator[bytes]:
    """List the bytes in which a value could lie about: spellings, encodings, digests without a key."""
    raw = value.encode() if isinstance(value, str) else value
    spellings = {raw}
    if isinstance(value, str):
        for text in {value, value.lower(), value.title(), value[::-1], value.replace(" ", "")}:
            spellings |= {text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")}
    for spelling in spellings:
        yield spelling
        yield spelling.hex().encode()
        yield spelling.hex().upper().encode()
        yield from _base64(spelling)
    for algorithm in ("md5", "sha1", "sha256"):
        digest = hashlib.new(algorithm, raw, usedforsecurity=False).digest()
        yield digest
        yield digest.hex().encode()
        yield from _base64(digest)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Encode at each of the three places that a value can have within a longer one, without what neighbours change."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        yield encoded[first:last]
        yield encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))


class Searcher:
    """Finds any form of any value in bytes, in one pass however many there are."""

    def __init__(self, values: Iterable[str | bytes]) -> None:
        self._by_head: dict[bytes, set[tuple[bytes, str | bytes]]] = defaultdict(set)
        for value in values:
            for form in forms(value):
                if len(form) >= SHORTEST:
                    self._by_head[form[:_STEP]].add((form, value))
        heads = [int.from_bytes(head, sys.byteorder) for head in self._by_head]
        self._heads = pa.array(heads, pa.uint64())

    def find(self, data: bytes) -> set[str | bytes]:
        """Name the values of which a form is in the bytes."""
        return {
            value
            for at in self._candidates(data)
            for form, value in self._by_head[data[at : at + _STEP]]
            if data.startswith(form, at)
        }

    def _candidates(self, data: bytes) -> Iterator[int]:
        """Say where the first eight bytes of a form stand, by comparing whole words at each of eight offsets."""
        for offset in range(_STEP):
            count = (len(data) - offset) // _STEP
            if count > 0:
                words = pa.Array.from_buffers(pa.uint64(), count, [None, pa.py_buffer(data[offset:])])
                hits = pc.indices_nonzero(pc.is_in(words, value_set=self._heads))
                yield from (offset + _STEP * hit for hit in hits.to_pylist())

    def find_in(self, places: Mapping[str, bytes]) -> dict[str, int]:
        """Count the values in each place that has one; never names a value, since messages are places too."""
        found = {place: len(self.find(data)) for place, data in places.items()}
        return {place: count for place, count in found.items() if count}
