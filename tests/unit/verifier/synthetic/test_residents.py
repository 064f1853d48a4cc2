"""Reading a made-up population back: nobody but its people, whatever rows it holds broken on purpose."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from deploy.demo import people
from verifier.projector.columns import COLUMNS
from verifier.synthetic import population, residents
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.synthetic.member import Row


def write(path: Path) -> list[Row]:
    """Write a few people, behind each of them the same row broken in every way; gives the whole rows."""
    whole = list(Population(people=30, seed=3, faults=False).rows(Tally()))
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for row in whole:
            out.writerow(row)
            for column, change in population._BREAKS:
                broken, place = list(row), COLUMNS.index(column)
                broken[place] = change(broken[place])
                out.writerow(broken)
    return whole


def test_no_number_but_the_peoples_own_is_read(tmp_path: Path) -> None:
    """Rows with a broken number are passed over; of rows with one number the first is the whole one."""
    whole = write(tmp_path / "people.csv")
    first: dict[str, Row] = {}
    for row in residents.read(tmp_path / "people.csv"):
        first.setdefault(row[0], row)
    assert list(first.values()) == whole


def test_the_scenes_ask_about_people_alone(tmp_path: Path) -> None:
    """A scene's residents are the people, each once."""
    whole = write(tmp_path / "people.csv")
    assert [each.nik for each in people.read(tmp_path / "people.csv", None)] == [row[0] for row in whole]
