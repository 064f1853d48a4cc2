"""How many pairs of a file of variants each profile accepts, through the keyed path of a request.

The file is one JSON object: "person_equivalent" holds [class, a, b, source], "unicode" holds [kind, a, b, expected],
every other group holds pairs [a, b], or [code, a, b, ...]. Each pair is projected as the record of a synthetic person
under random keys and claimed against it, in the attribute that the group belongs to. A pair of which either side is
refused as input counts as not accepted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys.mac import MacKey
from keys.realm import Realm
from padan.nik import Nik
from tokenizer import textform
from tokenizer.attribute import ATTRIBUTES, Attribute, Profile
from tokenizer.claim import parse_claim
from tokenizer.codes import CodeLists
from tokenizer.errors import RuleError, VariantsError
from tokenizer.evaluate import evaluate
from tokenizer.inner import Inner
from tokenizer.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

LEVELS: Final = (Profile.STRICT, Profile.TOLERANT)
EQUIVALENT: Final = "person_equivalent"
_GROUPS: Final = {
    "person_equivalent": Attribute.NAME,
    "person_different": Attribute.NAME,
    "unicode": Attribute.NAME,
    "address": Attribute.ADDRESS,
    "place_same_code": Attribute.BIRTH_PLACE,
    "place_renamed": Attribute.BIRTH_PLACE,
    "regency_variants": Attribute.BIRTH_PLACE,
}
_PAIR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two writings and the class that they belong to."""

    name: str
    attribute: Attribute
    stored: str
    claimed: str

    def __repr__(self) -> str:
        return f"Pair(name={self.name!r}, <redacted>)"


def read(data: Any) -> list[Pair]:
    """Read the pairs of a decoded file.

    Raises:
        VariantsError: not the shape above; the message says where.
    """
    if not isinstance(data, dict):
        raise VariantsError("the file is not one JSON object")
    pairs = [pair for group in data if not group.startswith("_") for pair in _group(group, data[group])]
    if not pairs:
        raise VariantsError("the file holds no group of pairs")
    return pairs


def _group(group: str, rows: Any) -> Iterator[Pair]:
    if group not in _GROUPS:
        known = ", ".join(_GROUPS)
        raise VariantsError(f"group {group!r} is none of {known}")
    if not isinstance(rows, list):
        raise VariantsError(f"group {group!r} is not a list")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) < _PAIR or not all(isinstance(cell, str) for cell in row):
            raise VariantsError(f"entry {number} of group {group!r} is not a list of two texts or more")
        named = len(row) > _PAIR
        yield Pair(
            name=row[0] if group == EQUIVALENT else group,
            attribute=_GROUPS[group],
            stored=row[1] if named else row[0],
            claimed=row[2] if named else row[1],
        )


class Laboratory:
    """Synthetic people under random keys: one for each pair, so that no pair profits from another."""

    def __init__(self, *, today: date) -> None:
        realm = Realm(registry_id="measure", environment="development")
        names = ("index", "attribute", "handle", "budget", "tombstone")
        self._inner = Inner(realm=realm, **{name: MacKey(os.urandom(32)) for name in names})
        self._codes = CodeLists.load()
        self._today = today
        self._people = 0

    def accepts(self, pair: Pair) -> dict[Profile, bool]:
        """Project one side, claim the other, and say which profiles accept."""
        kind = ATTRIBUTES[pair.attribute].kind
        try:
            stored = textform.form(kind, pair.stored)
            claim = parse_claim(pair.attribute, pair.claimed, codes=self._codes, today=self._today)
        except RuleError:
            return dict.fromkeys(LEVELS, False)
        self._people += 1
        nik = Nik(f"990101010190{self._people % 9999 + 1:04}")
        record = self._inner.project(Person(nik=nik, texts=((pair.attribute, stored),)))
        return {
            level: evaluate(self._inner, record.r, (claim,), record, level, as_of=self._today)[0].matched
            for level in LEVELS
        }


def measure(pairs: Iterable[Pair], *, today: date) -> dict[str, Any]:
    """Count the accepted pairs.

    Returns:
        {"levels": {level: {"classes": {class: {"pairs": n, "accepted": m}}}}}, levels "strict" and "tolerant".
    """
    laboratory = Laboratory(today=today)
    counts: dict[Profile, dict[str, dict[str, int]]] = {level: {} for level in LEVELS}
    for pair in pairs:
        for level, accepted in laboratory.accepts(pair).items():
            count = counts[level].setdefault(pair.name, {"pairs": 0, "accepted": 0})
            count["pairs"] += 1
            count["accepted"] += accepted
    return {"levels": {level.name.lower(): {"classes": classes} for level, classes in counts.items()}}
