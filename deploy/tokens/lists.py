"""The lists that the agencies begin with: who is whose customer, with the doubles that are planted."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.demo.people import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deploy.demo.people import Resident

DOUBLES = 0.05
"""Share of the cash programme's list that is given rice already."""
ROWS_A_PERSON = 2
"""Rows of all lists together: the tax office knows everybody, the insurance 60 of 100, each programme 20."""
_HEALTH, _AID = 0.6, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Who is on which list, by agency, in the order of its rows; and who receives twice."""

    rows: dict[str, list[Resident]]
    doubles: frozenset[str]


def draw(population: Path) -> Lists:
    """Draw the lists of the four agencies from those who live, of the registry's file."""
    people = [person for person in read(population, None) if person.alive]
    health, aid = (int(len(people) * share) for share in (_HEALTH, _AID))
    doubled = int(aid * DOUBLES)
    return Lists(
        rows={
            "tax-office": people,
            "health-insurance": people[::-1][:health],
            "rice-aid": people[:aid],
            "cash-aid": [*people[aid : 2 * aid - doubled], *people[aid - doubled : aid]],
        },
        doubles=frozenset(person.nik for person in people[aid - doubled : aid]),
    )


def write(path: Path, rows: Sequence[Resident], number: str) -> None:
    """Write a list: the agency's own number in a column of that name, NIK and name."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow([number, "nik", "name"])
        for place, person in enumerate(rows, 1):
            out.writerow([f"{number[:1].upper()}{place:08}", person.nik, person.name])
