"""A list as a social-aid office keeps it: mostly right, with typing errors, dead and doubled people, unknown numbers.

It is drawn from a population file; for each line the truth is known, so that an answer can be judged.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from verifier.synthetic import distort, residents
from verifier.synthetic.chance import spread
from verifier.synthetic.member import ALIVE, BIRTH_COLUMN, DEAD, LIFE_COLUMN, NAME_COLUMN, Row
from verifier.synthetic.numbers import UNKNOWN_SERIAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST_COLUMNS: Final = ("NO", "NIK", "NAMA", "TGL_LHR", "ALAMAT")
TRUTH_COLUMNS: Final = ("NO", "TRUTH", "HELD", "NAME_RIGHT", "BIRTH_DATE_RIGHT", "ALIVE")
_ADDRESS_COLUMN: Final = 13


class Truth(enum.StrEnum):
    """What is the matter with a line."""

    RIGHT = "right"
    NAME_TYPO = "name-typo"
    OTHER_NAME = "other-name"
    OTHER_BIRTH_DATE = "other-birth-date"
    DEAD = "dead"
    DOUBLED = "doubled"
    UNKNOWN_NIK = "unknown-nik"


_SHARES = spread(
    {
        Truth.RIGHT: 78,
        Truth.NAME_TYPO: 7,
        Truth.OTHER_NAME: 2,
        Truth.OTHER_BIRTH_DATE: 2,
        Truth.DEAD: 4,
        Truth.DOUBLED: 4,
        Truth.UNKNOWN_NIK: 3,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the list, and its truth."""

    number: int
    nik: str
    name: str
    birth_date: str
    address: str
    truth: Truth

    def values(self) -> tuple[str, ...]:
        """Give the line in the order of `LIST_COLUMNS`."""
        return str(self.number), self.nik, self.name, self.birth_date, self.address

    def truth_values(self) -> tuple[str, ...]:
        """Give the truth in the order of `TRUTH_COLUMNS`, 1 for yes; right is as the registry has it, to the letter."""
        held = self.truth is not Truth.UNKNOWN_NIK
        right = (
            held,
            held and self.truth not in {Truth.OTHER_NAME, Truth.NAME_TYPO},
            held and self.truth is not Truth.OTHER_BIRTH_DATE,
            held and self.truth is not Truth.DEAD,
        )
        return str(self.number), self.truth.value, *(str(int(value)) for value in right)


def draw(population: Path, *, people: int, seed: int) -> Iterator[Line]:
    """Draw a list.

    Args:
        population: a file of `registry synth`.
        people: lines of the list; fewer where the population is too small.
        seed: any whole number.

    Raises:
        SourceError, FieldMapError: the file is no population.
    """
    rng = Random(seed)  # noqa: S311 - seeded and repeatable is what is wanted, nothing here is secret
    living, dead = _sample(rng, population, people)
    rng.shuffle(living)
    before: list[Row] = []
    for number in range(1, people + 1):
        truth = _SHARES[int(rng.random() * len(_SHARES))]
        if (truth is Truth.DOUBLED and not before) or (truth is Truth.DEAD and not dead):
            truth = Truth.RIGHT
        if truth is Truth.DOUBLED:
            row = rng.choice(before)
        elif truth is Truth.DEAD:
            row = dead.pop()
        elif living:
            row = living.pop()
        else:
            return
        if truth is Truth.RIGHT:
            before.append(row)
        yield _line(rng, number, row, truth)


def _line(rng: Random, number: int, row: Row, truth: Truth) -> Line:
    nik, name, born = row[0], row[NAME_COLUMN], row[BIRTH_COLUMN]
    if truth is Truth.NAME_TYPO:
        name = distort.typo(rng, name)
    elif truth is Truth.OTHER_NAME:
        name = rng.choice(("ROBERTUS ZAKARIA", "QORI VERONIKA", "XAVERIUS BOLANG", "ZUBIR FLORIDA"))
    elif truth is Truth.OTHER_BIRTH_DATE:
        born = f"{born[:6]}{int(born[6:]) - 1 - int(rng.random() * 3)}"
    elif truth is Truth.UNKNOWN_NIK:
        nik = f"{nik[:12]}{UNKNOWN_SERIAL + int(rng.random() * 10)}"
    return Line(number=number, nik=nik, name=name, birth_date=born, address=row[_ADDRESS_COLUMN], truth=truth)


def _sample(rng: Random, population: Path, people: int) -> tuple[list[Row], list[Row]]:
    """Draw living and dead people with equal chances while the file streams by."""
    living, dead, seen = list[Row](), list[Row](), {ALIVE: 0, DEAD: 0}
    numbers: set[str] = set()
    for row in residents.read(population):
        life = row[LIFE_COLUMN]
        if life not in seen:
            continue
        pool = living if life == ALIVE else dead
        seen[life] += 1
        place = len(pool) if len(pool) < people else int(rng.random() * seen[life])
        if place >= people or row[0] in numbers:
            continue
        numbers.add(row[0])
        if place == len(pool):
            pool.append(row)
        else:
            numbers.discard(pool[place][0])
            pool[place] = row
    return living, dead
