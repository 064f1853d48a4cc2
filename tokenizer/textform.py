"""What is compared of a text: values for exact tokens, and bigrams for the filter.

A place or an address is one run of letters: its tolerant token is over all words joined, and similarity of bigrams is
enough. A name is made of words, and people are told apart by them: similarity alone would take a sibling's name, which
often differs by a letter, for a typing error. So for names
- the tolerant token is over the words;
- the joined token, over all words folded together, counts only where the number of words differs;
- the filter counts only where the guard is equal too: first and last letter of each word in order, and all letters,
  sorted. Fast fingers leave them alone, other people's names do not.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from tokenizer import normalise
from tokenizer.attribute import Kind
from tokenizer.suite import BOUNDARY, RADIX, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterable


class NameForm(NamedTuple):
    """What names have besides."""

    guard: bytes
    joined: bytes
    words: int
    """Number of words, 1 to 255."""

    def __repr__(self) -> str:
        return "NameForm(<redacted>)"


class TextForm(NamedTuple):
    """A text, ready to be keyed."""

    strict: bytes
    """Value of the strict token."""
    tolerant: bytes
    """Value of the tolerant token."""
    grams: frozenset[int]
    """Bigrams of the tolerant words."""
    name: NameForm | None
    """None for places and addresses."""

    def __repr__(self) -> str:
        return "TextForm(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a text form is not pickled")


def form(kind: Kind, value: str) -> TextForm:
    """Normalise a text.

    Raises:
        RuleError: a rule "text.*" or "value.empty" is broken.
    """
    exact, words, letters = normalise.forms(kind, value)
    joined = letters.encode()
    if kind is Kind.NAME:
        name = NameForm(_guard(words), joined, len(words))
        return TextForm(exact.encode(), " ".join(words).encode(), _grams(words), name)
    return TextForm(exact.encode(), joined, _grams(words), None)


def _guard(words: Iterable[str]) -> bytes:
    ends = "".join([word[0] + word[-1] for word in words])
    return f"{ends} {''.join(sorted(''.join(words)))}".encode()


def _grams(words: Iterable[str]) -> frozenset[int]:
    return frozenset().union(*map(_bigrams, words))


@functools.lru_cache(maxsize=1 << 16)
def _bigrams(word: str) -> tuple[int, ...]:
    """List a word's bigrams; at most 65,536 words are remembered."""
    symbols = [BOUNDARY, *map(SYMBOLS.__getitem__, word), BOUNDARY]
    return tuple(one * RADIX + other for one, other in itertools.pairwise(symbols))
