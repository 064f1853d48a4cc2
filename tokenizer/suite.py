"""The suites of tolerant comparison: every parameter as data, none at a call site.

A suite's number belongs to the epoch; a stored filter is only ever compared with a claim of the same suite. Filters
live inside the sealed box under a key of their own record and attribute, so their parameters are chosen for
discrimination and size, not against pattern mining.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tokenizer.attribute import Attribute

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUNDARY: Final = 0
"""Symbol before the first and after the last character of a word."""
SYMBOLS: Final = MappingProxyType(
    {char: n for n, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 1)}
)
"""Characters of a tolerant form to their symbol."""
RADIX: Final = len(SYMBOLS) + 1
BIGRAMS: Final = RADIX * RADIX
"""Bigram (a, b) has the index a * RADIX + b, below this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSuite:
    """How one attribute's filter is made and compared."""

    bits: int
    """Size, a power of two, at most 1,024."""
    threshold: int
    """Least Dice coefficient, in thousandths."""
    guarded: bool
    """Whether words count: the guard must be equal besides, and a joined form helps only where the number of words
    differs."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.bits // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named set of parameters."""

    number: int
    filters: Mapping[Attribute, FilterSuite]


_NAME = FilterSuite(bits=1024, threshold=800, guarded=True)

SUITE: Final = Suite(
    number=1,
    filters=MappingProxyType(
        {
            Attribute.NAME: _NAME,
            Attribute.MOTHER_NAME: _NAME,
            Attribute.BIRTH_PLACE: FilterSuite(bits=512, threshold=750, guarded=False),
            Attribute.ADDRESS: FilterSuite(bits=1024, threshold=800, guarded=False),
        }
    ),
)
"""The suite in use."""
