"""The peoples of data/peoples: how each names its children, and where it lives."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from verifier.synthetic import words
from verifier.synthetic.chance import spread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from verifier.synthetic.words import Patterns, Pool

MALE, FEMALE = "1", "2"
"""Codes of list "sex"."""


def read_data(*path: str) -> dict[str, Any]:
    """Read a TOML file of the package's data folder."""
    file = resources.files("verifier.synthetic").joinpath("data", *path)
    return tomllib.loads(file.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """A people and its naming system."""

    key: str
    share: Mapping[str, float]
    """Province code to per cent of the province's residents."""
    religions: tuple[str, ...]
    """Codes of list "religion", each as often as its share asks."""
    patterns: Mapping[str, Patterns]
    """Sex to patterns."""
    orders: Mapping[str, tuple[Pool, ...]]
    """Sex to the words of the first, second, ... child; empty where birth order names nobody."""
    families: Pool
    """Names that pass from father to child; empty where none does."""

    def draw_family(self, rng: Random) -> str:
        """Draw a family name; empty where the people has none."""
        return self.families[int(rng.random() * len(self.families))] if self.families else ""

    def draw_religion(self, rng: Random) -> str:
        """Draw a code of list "religion"."""
        return self.religions[int(rng.random() * len(self.religions))]

    def draw_name(self, rng: Random, sex: str, *, family: str = "", order: int = 1) -> str:
        """Draw a name.

        Args:
            rng: source of chance.
            sex: code of list "sex".
            family: the inherited name; empty draws one where a pattern asks for it.
            order: 1 for the first child; the cycle begins again after the last word.
        """
        given: dict[str, str] = {"family": family} if family else {}
        cycle = self.orders[sex]
        if cycle:
            choices = cycle[(order - 1) % len(cycle)]
            given["order"] = choices[int(rng.random() * len(choices))]
        return self.patterns[sex].draw(rng, given)


def _read(key: str, data: Mapping[str, Any]) -> People:
    pools = {name: words.pool(text) for name, text in data["words"].items()}
    orders = data.get("order", {})
    return People(
        key=key,
        share=dict(data["share"]),
        religions=spread(data["religion"]),
        patterns={
            MALE: words.patterns(data["patterns"]["male"], pools),
            FEMALE: words.patterns(data["patterns"]["female"], pools),
        },
        orders={
            MALE: tuple(words.pool(text) for text in orders.get("male", ())),
            FEMALE: tuple(words.pool(text) for text in orders.get("female", ())),
        },
        families=pools.get("family", ()),
    )


@cache
def peoples() -> tuple[People, ...]:
    """Read all peoples, ordered by key."""
    folder = resources.files("verifier.synthetic").joinpath("data", "peoples")
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(_read(name.removesuffix(".toml"), read_data("peoples", name)) for name in files)
