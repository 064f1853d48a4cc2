"""Weighted words and name patterns, as the files of data/peoples write them.

A pool is words separated by spaces; `_` stands for a space inside a word, `*3` after a word gives it three shares.
A pattern is a weight and a template: "6 {male} {family}" is drawn with six shares and joins a word of each pool.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.synthetic.chance import spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

_PLACE = re.compile(r"\{(\w+)\}")

Pool = tuple[str, ...]


class WordsError(ValueError):
    """A file of words is not usable."""


def pool(text: str) -> Pool:
    """Read a pool; each word stands in it once for every share, in capitals as the registry writes names.

    Raises:
        WordsError: no word, or a share that is no number.
    """
    words: list[str] = []
    for item in text.split():
        word, _, shares = item.partition("*")
        if shares and not shares.isdigit():
            raise WordsError(f"{item}: shares are a whole number")
        words += [word.replace("_", " ").upper()] * int(shares or 1)
    if not words:
        raise WordsError("a pool needs a word")
    return tuple(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A compiled template: `form % words`, one word for each pool named in `slots`."""

    form: str
    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """Patterns with their weights, and the pools that they draw from."""

    weights: Mapping[Pattern, float]
    table: tuple[Pattern, ...]
    pools: Mapping[str, Pool]

    def draw(self, rng: Random, given: Mapping[str, str]) -> str:
        """Draw a name.

        Args:
            rng: source of chance.
            given: words that are fixed (a family name, the word of a birth order), by slot.
        """
        pools, random = self.pools, rng.random
        pattern = self.table[int(random() * len(self.table))]
        words: list[str] = []
        for slot in pattern.slots:
            word = given.get(slot)
            if word is None:
                choices = pools[slot]
                word = choices[int(random() * len(choices))]
                if word in words:
                    word = choices[int(random() * len(choices))]
            words.append(word)
        return pattern.form % tuple(words)


def patterns(lines: Sequence[str], pools: Mapping[str, Pool]) -> Patterns:
    """Compile the patterns of a file.

    Raises:
        WordsError: no weight, or a slot without a pool.
    """
    weights: dict[Pattern, float] = {}
    for line in lines:
        weight, _, template = line.partition(" ")
        slots = tuple(_PLACE.findall(template))
        missing = [slot for slot in slots if slot not in pools and slot != "order"]
        if missing or not slots:
            raise WordsError(f"{line}: no pool for {missing or 'the pattern'}")
        form = _PLACE.sub("%s", template).upper().replace("%S", "%s")
        weights[Pattern(form=form, slots=slots)] = float(weight)
    return Patterns(weights=weights, table=spread(weights), pools=dict(pools))
