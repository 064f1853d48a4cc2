"""Fictional households: a family card, its head, spouse, children, twins, grandparents."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from verifier.synthetic import distort
from verifier.synthetic.chance import spread
from verifier.synthetic.member import (
    CHILD,
    DIVORCED,
    HEAD,
    MARRIED,
    PARENT,
    SINGLE,
    WIDOWED,
    WIFE,
    Home,
    member,
    number,
)
from verifier.synthetic.numbers import Serials, SerialsError
from verifier.synthetic.people import FEMALE, MALE
from verifier.synthetic.places import country, draw_address, draw_village
from verifier.synthetic.popular import popular_names

if TYPE_CHECKING:
    from random import Random

    from verifier.synthetic.member import Row

DAYS_IN_YEAR = 365.2425
LONGEST_NAME = 70
"""Letters of the longest name in the registry (Ditjen Dukcapil, 2025); the shortest has one."""
_TWINS = 0.012
_CHILDREN = spread({0: 16, 1: 27, 2: 31, 3: 16, 4: 7, 5: 3})
_FIRST_ISSUE = date(2011, 1, 1)
_OLD_SPELLING_BEFORE = 1960


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parent:
    name: str
    age: float


class Households:
    """Draws households, one after the other, without remembering them."""

    def __init__(self, rng: Random, *, as_of: date) -> None:
        self._rng = rng
        self._as_of = as_of
        self._land = country()
        self._popular = popular_names()
        districts = [code for province in self._land.provinces for code in province.districts]
        retired = [code for codes in self._land.retired.values() for code in codes]
        self._people_serials = Serials([*districts, *retired])
        self._card_serials = Serials(districts)
        self._issue_days = (as_of - _FIRST_ISSUE).days

    def draw(self) -> list[Row]:
        """Draw the rows of one household."""
        rng = self._rng
        home = self._home()
        age = 22 + 55 * rng.random() * (0.4 + 0.6 * rng.random())
        shape = rng.random()
        if shape < 0.08:  # noqa: PLR2004 - shares of the forms of households
            return [self._adult(home, MALE if rng.random() < 0.7 else FEMALE, age, SINGLE, HEAD)[0]]  # noqa: PLR2004 - as above
        if shape < 0.15:  # noqa: PLR2004 - as above
            row, head = self._adult(home, FEMALE, age, rng.choice((DIVORCED, WIDOWED)), HEAD)
            return [row, *self._children(home, mother=head)]
        row, _ = self._adult(home, MALE, age, MARRIED, HEAD)
        wife_row, wife = self._adult(home, FEMALE, max(18.0, age - 6 * rng.random()), MARRIED, WIFE)
        rows = [row, wife_row, *self._children(home, mother=wife)]
        if shape > 0.93 and age < 60:  # noqa: PLR2004 - as above
            rows.append(self._adult(home, FEMALE, age + 20 + 8 * rng.random(), WIDOWED, PARENT)[0])
        return rows

    def _home(self) -> Home:
        rng = self._rng
        province = self._land.draw_province(rng)
        district = province.draw_district(rng)
        people = province.draw_people(rng)
        return Home(
            province=province,
            district=district,
            village=draw_village(rng, district),
            address=draw_address(rng, district),
            rt=f"{int(rng.random() * 18) + 1:03}",
            rw=f"{int(rng.random() * 12) + 1:03}" if rng.random() > 0.03 else "",  # noqa: PLR2004 - three in a hundred have none
            family_card=self._card(district),
            people=people,
            religion=people.draw_religion(rng),
            family=people.draw_family(rng),
        )

    def _card(self, district: str) -> str:
        while True:
            issued = _FIRST_ISSUE + timedelta(days=int(self._rng.random() * self._issue_days))
            try:
                return self._card_serials.take(district, issued)
            except SerialsError:
                continue

    def _adult(self, home: Home, sex: str, age: float, marital: str, relation: str) -> tuple[Row, _Parent]:
        name = self._name(home, sex, age, family=home.family if relation != WIFE else "", order=0)
        mother = self._name(home, FEMALE, age + 25, family="", order=0)
        row = self._row(home, sex, age, name=name, mother=mother, marital=marital, relation=relation)
        return row, _Parent(name=name, age=age)

    def _children(self, home: Home, *, mother: _Parent) -> list[Row]:
        rng = self._rng
        wanted = _CHILDREN[int(rng.random() * len(_CHILDREN))]
        rows: list[Row] = []
        age, order = mother.age - 19, 0
        while order < wanted:
            age -= 1 + 5 * rng.random()
            if age < 0:
                break
            if age > 30:  # noqa: PLR2004 - grown children have a card of their own
                order += 1
                continue
            order += 1
            rows += self._birth(home, age, order, mother.name)
        return rows

    def _birth(self, home: Home, age: float, order: int, mother: str) -> list[Row]:
        rng = self._rng
        sex = MALE if rng.random() < 0.512 else FEMALE  # noqa: PLR2004 - boys among births
        name = self._name(home, sex, age, family=home.family, order=order)
        row = self._row(home, sex, age, name=name, mother=mother, marital=SINGLE, relation=CHILD)
        if rng.random() >= _TWINS:
            return [row]
        second = distort.twin(rng, name)
        twin = self._row(home, sex, age, name=second, mother=mother, marital=SINGLE, relation=CHILD)
        return [row, twin]

    def _row(
        self, home: Home, sex: str, age: float, *, name: str, mother: str, marital: str, relation: str
    ) -> Row:
        born = date.fromordinal(self._as_of.toordinal() - int(age * DAYS_IN_YEAR))
        nik, born = self._number(home, born, sex)
        return member(
            self._rng,
            home,
            nik=nik,
            name=name,
            mother=mother,
            born=born,
            age=int(age),
            sex=sex,
            marital=marital,
            relation=relation,
        )

    def _number(self, home: Home, born: date, sex: str) -> tuple[str, date]:
        """Hand out a NIK, for an earlier birth where the month is used up."""
        while True:
            try:
                return number(self._rng, self._people_serials, home, self._land, born=born, sex=sex), born
            except SerialsError:
                born -= timedelta(days=31)

    def _name(self, home: Home, sex: str, age: float, *, family: str, order: int) -> str:
        rng, people = self._rng, home.people
        popular = self._popular.draw(rng, people.key, sex)
        if popular is not None:
            return popular
        place = order or int(rng.random() * 4) + 1
        name = people.draw_name(rng, sex, family=family, order=place)
        while not self._popular.keeps(rng, sex, name):
            name = people.draw_name(rng, sex, family=family, order=place)
        chance = rng.random()
        if chance > 0.05:  # noqa: PLR2004 - below it one in twenty has something unusual
            return name
        return self._unusual(home, name, sex, age, chance)

    def _unusual(self, home: Home, name: str, sex: str, age: float, chance: float) -> str:
        rng = self._rng
        if chance < 0.00005:  # noqa: PLR2004 - one in twenty thousand
            return rng.choice(string.ascii_uppercase)
        if chance < 0.00008:  # noqa: PLR2004 - one in thirty thousand
            while len(name) < LONGEST_NAME - 12:
                name = f"{name} {home.people.draw_name(rng, sex)}"
            return name[:LONGEST_NAME].strip()
        if self._as_of.year - age < _OLD_SPELLING_BEFORE:
            return distort.old_spelling(name)
        if age > 24 and chance < 0.03:  # noqa: PLR2004 - three in a hundred adults
            return distort.titled(rng, name, female=sex == FEMALE)
        return name
