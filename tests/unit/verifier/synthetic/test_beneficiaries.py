"""The social-aid list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from verifier.projector.columns import COLUMNS
from verifier.synthetic import beneficiaries as aid
from verifier.synthetic import output
from verifier.synthetic.beneficiaries import Truth
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.synthetic.beneficiaries import Line

AT = {name: place for place, name in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a population with faults."""
    path = tmp_path_factory.mktemp("aid") / "population.csv"
    output.write(path, COLUMNS, Population(people=8_000, seed=5).rows(Tally()))
    return path


@pytest.fixture(scope="module")
def lines(population: Path) -> list[Line]:
    """Draw a list."""
    return list(aid.draw(population, people=1_500, seed=9))


def test_the_list_is_repeatable(population: Path, lines: list[Line]) -> None:
    """The same seed gives the same list."""
    assert lines == list(aid.draw(population, people=1_500, seed=9))
    assert [line.number for line in lines] == list(range(1, 1_501))


def test_every_truth_occurs(lines: list[Line]) -> None:
    """Each kind of line is there, and most are right."""
    counts = Counter(line.truth for line in lines)
    assert set(counts) == set(Truth)
    assert counts[Truth.RIGHT] > 1_000


def test_the_truth_is_true(lines: list[Line]) -> None:
    """What a line says about its number holds against the population that it was drawn from."""
    people = {row[0]: row for row in Population(people=8_000, seed=5, faults=False).rows(Tally())}
    seen: set[str] = set()
    for line in lines:
        row = people.get(line.nik)
        assert (row is None) == (line.truth is Truth.UNKNOWN_NIK)
        if row is None:
            continue
        name, born = row[AT["NAMA_LGKP"]] == line.name, row[AT["TGL_LHR"]] == line.birth_date
        assert name == (line.truth not in {Truth.NAME_TYPO, Truth.OTHER_NAME})
        assert born == (line.truth is not Truth.OTHER_BIRTH_DATE)
        assert (row[AT["STATUS_HIDUP"]] == "2") == (line.truth is Truth.DEAD)
        assert (line.nik in seen) == (line.truth is Truth.DOUBLED)
        seen.add(line.nik)


def test_a_small_population_gives_a_short_list(population: Path) -> None:
    """The list ends where the people end."""
    assert len(list(aid.draw(population, people=50_000, seed=1))) < 12_000
