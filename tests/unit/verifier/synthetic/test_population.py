"""The fictional population: what it holds, and that nobody in it can be real."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter, defaultdict
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from padan import nik, region
from padan.errors import NikError
from verifier.projector.columns import COLUMNS
from verifier.synthetic.people import FEMALE, MALE, peoples
from verifier.synthetic.popular import people_shares, rates
from verifier.synthetic.population import DEFAULT_AS_OF, Population, Tally

if TYPE_CHECKING:
    from verifier.synthetic.member import Row

PEOPLE = 60_000
AT = {name: place for place, name in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Draw a population without faults."""
    return list(Population(people=PEOPLE, seed=7, faults=False).rows(Tally()))


def column(rows: list[Row], name: str) -> list[str]:
    """Give a column."""
    return [row[AT[name]] for row in rows]


def test_the_same_seed_gives_the_same_people() -> None:
    """A population is repeatable, and another seed gives another one."""
    first = list(Population(people=500, seed=3).rows(Tally()))
    assert first == list(Population(people=500, seed=3).rows(Tally()))
    assert first != list(Population(people=500, seed=4).rows(Tally()))


def test_every_number_is_valid_and_recognisably_synthetic(rows: list[Row]) -> None:
    """NIKs and family cards have serials from 9000 up, never from 9990, and no NIK comes twice."""
    numbers = column(rows, "NIK")
    assert len(set(numbers)) == PEOPLE
    for number in numbers:
        nik.parse(number, DEFAULT_AS_OF)
        assert 9000 <= int(number[12:]) < 9990
    assert all(9000 <= int(card[12:]) < 9990 for card in column(rows, "NO_KK"))


def test_all_provinces_and_retired_prefixes_occur(rows: list[Row]) -> None:
    """People live in each of the 38 provinces; some have a prefix that Papua's division retired."""
    assert len(set(column(rows, "NO_PROP"))) == 38
    prefixes = {number[:6] for number in column(rows, "NIK")}
    standings = Counter(region.find(prefix).status for prefix in prefixes)
    assert standings["retired"] > 50
    assert standings["unknown"] == 0
    homes = {row[AT["NO_PROP"]] + row[AT["NO_KAB"]] + row[AT["NO_KEC"]] for row in rows}
    assert all(region.find(home).status == "current" for home in homes)


def test_published_names_have_their_published_frequency(rows: list[Row]) -> None:
    """Each of the fifteen counted names comes as often as published, and no other name comes more often."""
    for sex in (MALE, FEMALE):
        names = Counter(row[AT["NAMA_LGKP"]] for row in rows if row[AT["JENIS_KLMIN"]] == sex)
        total, published = sum(names.values()), rates(sex)
        for name, rate in published.items():
            expected = rate * total
            assert abs(names[name] - expected) < 5 * math.sqrt(expected) + 3, name
        last = min(published.values()) * total
        others = [count for name, count in names.items() if name not in published]
        assert max(others) < last + 5 * math.sqrt(last)


def test_naming_systems_of_many_peoples_occur(rows: list[Row]) -> None:
    """Mononyms, one-letter names, clans, birth-order names, patronyms and titles all occur."""
    names = column(rows, "NAMA_LGKP")
    singles = [name for name in names if " " not in name]
    assert 0.05 < len(singles) / len(names) < 0.6
    assert any(len(name) == 1 for name in names)
    assert max(map(len, names)) <= 70
    for part in (" SIREGAR", " WAYAN ", " BIN ", " BORU ", "HJ. ", ", S.", " WENDA", "TEUKU ", " DG. "):
        assert any(part in name for name in names), part


def test_families_share_card_and_mother(rows: list[Row]) -> None:
    """Children of a card have its wife, or its mother, as mother; the clan comes from the father."""
    cards: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        cards[row[AT["NO_KK"]]].append(row)
    assert 2.5 < PEOPLE / len(cards) < 4
    for members in islice((members for members in cards.values() if len(members) > 2), 3000):
        women = {row[AT["NAMA_LGKP"]] for row in members}
        mothers = {row[AT["NAMA_LGKP_IBU"]] for row in members if row[AT["STAT_HBKEL"]] == "4"} - {""}
        assert mothers <= women


def test_twins_occur(rows: list[Row]) -> None:
    """Some children share birth date and card, and differ in name."""
    births = Counter((row[AT["NO_KK"]], row[AT["TGL_LHR"]]) for row in rows if row[AT["STAT_HBKEL"]] == "4")
    assert sum(count == 2 for count in births.values()) > 100


def test_some_are_dead_and_some_have_moved(rows: list[Row]) -> None:
    """Deceased people and people registered elsewhere first are among them."""
    life = Counter(column(rows, "STATUS_HIDUP"))
    assert 0.004 < life["2"] / PEOPLE < 0.03
    moved = sum(row[AT["NIK"]][:2] != row[AT["NO_PROP"]] for row in rows)
    assert 0.02 < moved / PEOPLE < 0.3


def test_faults_are_counted() -> None:
    """With faults some numbers come twice and some rows are broken, exactly as many as the tally says."""
    tally = Tally()
    rows = list(Population(people=30_000, seed=11).rows(tally))
    assert tally.people == 30_000
    assert len(rows) == tally.rows
    assert tally.duplicates > 0
    assert tally.broken > 0
    whole = Counter(tuple(row) for row in rows)
    assert sum(count - 1 for count in whole.values()) == tally.duplicates


def test_broken_rows_are_broken() -> None:
    """Whoever reads numbers strictly meets some that are none."""
    bad = 0
    for row in Population(people=60_000, seed=12).rows(Tally()):
        try:
            nik.parse(row[0], date(2026, 1, 1))
        except NikError:
            bad += 1
    assert bad > 0


def test_memory_does_not_grow_with_the_population() -> None:
    """A hundred thousand rows later no more memory is held than at the start."""
    rows = Population(people=120_000, seed=2, faults=False).rows(Tally())
    list(islice(rows, 10_000))
    tracemalloc.start()
    for _ in islice(rows, 20_000):
        pass
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 300_000


def test_shares_of_peoples_add_up() -> None:
    """Every resident belongs to a people, every people lives somewhere."""
    shares = people_shares()
    assert math.isclose(sum(shares.values()), 1)
    assert set(shares) == {people.key for people in peoples()}
    assert all(share > 0 for share in shares.values())
