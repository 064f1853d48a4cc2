"""Normalisation: how differently written values become comparable. Published, versioned, pure.

`strict` forgives case, accents, apostrophes, punctuation, spaces and titles. `tolerant` further forgives abbreviations,
old spelling and the usual variants of writing; it is computed from the strict form, so what matches strictly matches
tolerantly. Both are idempotent. Any change of any result needs a new `VERSION`; the version belongs to the epoch.
The rules stand in docs/normalisation.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenizer.attribute import Kind
from tokenizer.normalise import address, name, place, text

VERSION: Final = "1"

LIMITS: Final = {Kind.NAME: 100, Kind.PLACE: 100, Kind.ADDRESS: 200}
"""Longest text of each kind, in characters after Unicode normalisation."""

_STRICT: Final = {Kind.NAME: name.strict, Kind.PLACE: place.strict, Kind.ADDRESS: address.strict}
_TOLERANT: Final = {Kind.NAME: name.tolerant, Kind.PLACE: place.tolerant, Kind.ADDRESS: address.tolerant}


class Forms(NamedTuple):
    """A text in both normal forms."""

    strict: str
    """Words with a single space between them."""
    words: tuple[str, ...]
    """Tolerant words of A-Z and 0-9."""
    joined: str
    """All tolerant words folded together, so that it does not matter where one ends and the next begins."""

    def __repr__(self) -> str:
        return "Forms(<redacted>)"


def strict(kind: Kind, value: str) -> str:
    """Bring a text to its strict form.

    Args:
        kind: NAME, PLACE or ADDRESS.
        value: as typed.

    Raises:
        RuleError: a rule "text.*" is broken, or "value.empty".
    """
    return _STRICT[kind](text.clean(value, limit=LIMITS[kind]))


def forms(kind: Kind, value: str) -> Forms:
    """Bring a text to both forms.

    Raises:
        RuleError: as `strict`.
    """
    exact = strict(kind, value)
    return Forms(exact, *_TOLERANT[kind](exact))
