"""A fictional population, streamed: any number of people in the registry's columns.

The same number, seed and day give the same rows. Beside the people there are, where wanted, rows that a load must
reject: people who come twice, and broken rows; `Tally` says how many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from verifier.projector.columns import COLUMNS
from verifier.synthetic.household import Households
from verifier.synthetic.member import DEAD, LIFE_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.synthetic.member import Row

DEFAULT_AS_OF = date(2026, 1, 1)
_DUPLICATES, _BROKEN = 1 / 5000, 1 / 10_000
_HELD_BACK = 64
_BREAKS = (
    ("NIK", lambda value: value[:15]),
    ("NIK", lambda value: value[:-1] + "O"),
    ("NIK", lambda value: value[:12] + "0000"),
    ("NIK", lambda _: ""),
    ("TGL_LHR", lambda value: "31-02-" + value[-4:]),
    ("TGL_LHR", lambda _: "01-01-2999"),
    ("AGAMA", lambda _: "99"),
    ("JENIS_KLMIN", lambda _: "X"),
    ("NO_KK", lambda value: value[:-3]),
    ("NO_RT", lambda _: "RT SATU"),
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a stream held, complete once it has ended."""

    people: int = 0
    deceased: int = 0
    duplicates: int = 0
    broken: int = 0

    @property
    def rows(self) -> int:
        """All rows: the people and what a load must reject."""
        return self.people + self.duplicates + self.broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A plan of a population.

    Attributes:
        people: people with a number of their own.
        seed: any whole number.
        as_of: the day on which ages are counted.
        faults: whether duplicates (1 in 5,000) and broken rows (1 in 10,000) come on top.
    """

    people: int
    seed: int
    as_of: date = DEFAULT_AS_OF
    faults: bool = True

    def rows(self, tally: Tally) -> Iterator[Row]:
        """Draw the rows; memory does not grow with their number."""
        rng = Random(self.seed)  # noqa: S311 - seeded and repeatable is what is wanted, nothing here is secret
        chance = Random(f"faults {self.seed}")  # noqa: S311 - apart, so that the people are the same without faults
        households = Households(rng, as_of=self.as_of)
        twice: list[Row] = []
        while tally.people < self.people:
            for row in households.draw()[: self.people - tally.people]:
                tally.people += 1
                tally.deceased += row[LIFE_COLUMN] == DEAD
                yield row
                if self.faults:
                    yield from self._faults(chance, row, twice, tally)
        tally.duplicates += len(twice)
        yield from twice

    def _faults(self, rng: Random, row: Row, twice: list[Row], tally: Tally) -> Iterator[Row]:
        chance = rng.random()
        if chance < _DUPLICATES:
            twice.append(row)
            if len(twice) > _HELD_BACK:
                tally.duplicates += 1
                yield twice.pop(0)
        elif chance > 1 - _BROKEN:
            tally.broken += 1
            column, change = _BREAKS[int(rng.random() * len(_BREAKS))]
            broken, place = list(row), COLUMNS.index(column)
            broken[place] = change(broken[place])
            yield broken
