"""Whole names at the registry's published frequencies (data/popular.toml).

A published name is drawn with its own chance, and a name that a pattern happens to form is drawn again, so that its
frequency is the published one and not more. The chance within a people is the national rate over the
people's share of all residents. Since the published names are the most frequent of all, any other name that the
patterns would form more often than the last of them is thinned out.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.synthetic.people import FEMALE, MALE, peoples, read_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from verifier.synthetic.words import Patterns

_CEILING = 0.7
"""The most frequent other name, as a part of the rate of the last published one."""
_LARGEST_PRODUCT = 5000
"""Patterns with more combinations than these form no frequent name."""
_SEXES = {MALE: "male", FEMALE: "female"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    names: tuple[str, ...]
    weights: tuple[float, ...]
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularNames:
    """The published names of each people and sex."""

    shelves: Mapping[tuple[str, str], _Shelf]
    kept: Mapping[tuple[str, str], float]
    """(Sex, name) to the part that is kept of what the patterns form: 0 for a published name."""

    def draw(self, rng: Random, people: str, sex: str) -> str | None:
        """Draw a published name, or None for nearly everyone."""
        shelf = self.shelves.get((people, sex))
        if shelf is None or rng.random() >= shelf.chance:
            return None
        return rng.choices(shelf.names, cum_weights=shelf.weights)[0]

    def keeps(self, rng: Random, sex: str, name: str) -> bool:
        """Decide whether a name that a pattern formed stands."""
        part = self.kept.get((sex, name))
        return part is None or rng.random() < part


def rates(sex: str) -> dict[str, float]:
    """Read the published names of a sex and their share of all residents of that sex."""
    data = read_data("popular.toml")
    residents = data["residents"][_SEXES[sex]]
    return {name: entry["count"] / residents for name, entry in data[_SEXES[sex]].items()}


def people_shares() -> dict[str, float]:
    """Compute each people's share of all residents from the provinces' sizes and mixtures."""
    residents = read_data("provinces.toml")["people"]
    total = sum(residents.values())
    shares = dict.fromkeys((people.key for people in peoples()), 0.0)
    for province, size in residents.items():
        whole = sum(people.share.get(province, 0) for people in peoples())
        for people in peoples():
            shares[people.key] += size / total * people.share.get(province, 0) / whole
    return shares


def popular_names() -> PopularNames:
    """Build the shelves."""
    data, shares = read_data("popular.toml"), people_shares()
    chances: dict[tuple[str, str], dict[str, float]] = {}
    for sex, section in _SEXES.items():
        for name, rate in rates(sex).items():
            homes = data[section][name]["people"].split()
            reach = sum(shares[home] for home in homes)
            for home in homes:
                chances.setdefault((home, sex), {})[name] = rate / reach
    return PopularNames(
        shelves={
            key: _Shelf(
                names=tuple(names),
                weights=tuple(itertools.accumulate(names.values())),
                chance=sum(names.values()),
            )
            for key, names in chances.items()
        },
        kept={
            (sex, name): part
            for sex in _SEXES
            for name, part in (_thinned(sex, shares) | dict.fromkeys(rates(sex), 0.0)).items()
        },
    )


def _thinned(sex: str, shares: Mapping[str, float]) -> dict[str, float]:
    formed: defaultdict[str, float] = defaultdict(float)
    for people in peoples():
        for name, chance in _frequent(people.patterns[sex], people.orders[sex]):
            formed[name] += chance * shares[people.key]
    ceiling = _CEILING * min(rates(sex).values())
    return {name: ceiling / rate for name, rate in formed.items() if rate > ceiling}


def _frequent(patterns: Patterns, orders: Sequence[Sequence[str]]) -> Iterator[tuple[str, float]]:
    """Yield the names that the patterns form and their chances, leaving out patterns with many combinations."""
    words = {slot: _shares(pool) for slot, pool in patterns.pools.items()}
    words["order"] = _shares([word for pool in orders for word in pool])
    whole = sum(patterns.weights.values())
    for pattern, weight in patterns.weights.items():
        pools = [words[slot] for slot in pattern.slots]
        if math.prod(len(pool) for pool in pools) > _LARGEST_PRODUCT:
            continue
        for chosen in itertools.product(*(pool.items() for pool in pools)):
            name = pattern.form % tuple(word for word, _ in chosen)
            yield name, weight / whole * math.prod(chance for _, chance in chosen)


def _shares(pool: Sequence[str]) -> dict[str, float]:
    return {word: count / len(pool) for word, count in Counter(pool).items()}
