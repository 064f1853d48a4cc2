"""The residents of the made-up population, as the scenes need them: each is asked about in one scene only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.projector.columns import COLUMNS
from verifier.synthetic import residents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ALIVE, DEAD = "1", "2"
_READ = 50_000
"""Rows that are looked through; enough for every scene, whatever the size of the population."""
_LONG_NAME = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One resident, in the registry's own words."""

    nik: str
    name: str
    mother_name: str
    birth_date: str
    address: str
    rt: str
    rw: str
    life: str

    @property
    def alive(self) -> bool:
        """Whether the registry says so."""
        return self.life == ALIVE

    @property
    def dead(self) -> bool:
        """Whether the registry says so; who has left the country is neither."""
        return self.life == DEAD

    @property
    def has_address(self) -> bool:
        """Whether street, RT and RW are known."""
        return bool(self.address and self.rt and self.rw)

    @property
    def has_long_name(self) -> bool:
        """Whether the name is long enough for a typing error in it."""
        return len(self.name) >= _LONG_NAME and max(map(len, self.name.split())) >= _LONG_NAME // 2


class People:
    """Hands out residents, each once."""

    def __init__(self, file: Path) -> None:
        self._residents = list(read(file))
        self._taken: set[str] = set()

    def take(self, fits: Callable[[Resident], bool] = lambda _: True) -> Resident:
        """Hand out a resident who fits.

        Raises:
            LookupError: there is none left.
        """
        for resident in self._residents:
            if resident.nik not in self._taken and fits(resident):
                self._taken.add(resident.nik)
                return resident
        raise LookupError("the population is too small for this scene; more --people")

    def named(self, nik: str) -> Resident:
        """Find the resident of a number, and hand it out to nobody from now on.

        Raises:
            LookupError: there is none.
        """
        for resident in self._residents:
            if resident.nik == nik:
                self._taken.add(nik)
                return resident
        raise LookupError("nobody of the population has this number")

    def take_many(self, count: int, fits: Callable[[Resident], bool] = lambda _: True) -> list[Resident]:
        """Hand out up to so many residents who fit."""
        found = [
            resident for resident in self._residents if resident.nik not in self._taken and fits(resident)
        ]
        self._taken |= {resident.nik for resident in found[:count]}
        return found[:count]


def unknown_number(resident: Resident) -> str:
    """Make a well-formed number of the same place, day and sex that nobody has."""
    return f"{resident.nik[:12]}9999"


def with_typing_error(name: str) -> str:
    """Exchange two neighbouring letters of the longest word."""
    word = max(name.split(), key=len)
    for at in range(len(word) // 2, len(word) - 1):
        if word[at] != word[at + 1]:
            return name.replace(word, f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}", 1)
    return name.replace(word, word[:-1], 1)


def read(file: Path, rows: int | None = _READ) -> Iterator[Resident]:
    """Read residents, each once, without the rows that the population holds broken on purpose.

    Args:
        file: the population.
        rows: how many rows that a load takes are looked through; None is all.
    """
    seen: set[str] = set()
    for values in itertools.islice(residents.read(file), rows):
        row = dict(zip(COLUMNS, values, strict=True))
        if row["NIK"] in seen:
            continue
        seen.add(row["NIK"])
        yield Resident(
            nik=row["NIK"],
            name=row["NAMA_LGKP"],
            mother_name=row["NAMA_LGKP_IBU"],
            birth_date=row["TGL_LHR"],
            address=row["ALAMAT"],
            rt=row["NO_RT"],
            rw=row["NO_RW"],
            life=row["STATUS_HIDUP"],
        )
