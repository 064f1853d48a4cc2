"""What is compared of a text: bytes for exact tokens, bigrams for the filter.

For names a guard stands beside the filter: similarity of bigrams alone would take a sibling's name, which often differs
by a letter, for a typing error. The guard is what typing errors leave alone and other people's names do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tokenizer import normalise
from tokenizer.suite import BOUNDARY, RADIX, SYMBOLS

if TYPE_CHECKING:
    from tokenizer.attribute import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TextForm:
    """A text, ready to be keyed."""

    strict: bytes
    """Value of the strict token."""
    tolerant: bytes
    """Value of the tolerant token: the tolerant words without spaces."""
    guard: bytes
    """Value of the guard token."""
    grams: tuple[int, ...]
    """Distinct bigrams of the tolerant words, in ascending order."""

    def __repr__(self) -> str:
        return "TextForm(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a text form is not pickled")


def form(kind: Kind, value: str) -> TextForm:
    """Normalise a text.

    Raises:
        RuleError: a rule "text.*" or "value.empty" is broken.
    """
    forms = normalise.forms(kind, value)
    words = forms.tolerant
    joined = "".join(words)
    return TextForm(
        strict=forms.strict.encode(),
        tolerant=joined.encode(),
        guard=_guard(words),
        grams=_grams(words),
    )


def _guard(words: tuple[str, ...]) -> bytes:
    """Tell people apart: the first and last letter of each word in order, and all letters together, sorted."""
    ends = " ".join(word[0] + word[-1] for word in words if word)
    return f"{ends}|{''.join(sorted(''.join(words)))}".encode()


def _grams(words: tuple[str, ...]) -> tuple[int, ...]:
    found = set()
    for word in words:
        before = BOUNDARY
        for symbol in map(SYMBOLS.__getitem__, word):
            found.add(before * RADIX + symbol)
            before = symbol
        found.add(before * RADIX + BOUNDARY)
    return tuple(sorted(found))
