"""Ranges of stored tokens, by which an epoch is read in parts.

Stored tokens are blocks of a cipher, so equal ranges hold equal numbers of rows. A range is given by the first 8 bytes
of its tokens, as numbers.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: Final = 8_192
"""Rows of a range at most, about: what a killed worker loses, and what one holds in memory."""
_HEADS: Final = 1 << 64


def count_for(rows: int) -> int:
    """Say into how many ranges an epoch of so many rows falls."""
    return max(1, -(-rows // ROWS))


def heads(count: int) -> Iterator[tuple[int, int]]:
    """List so many ranges, by token: the first head of each, and the last."""
    ends = [number * _HEADS // count for number in range(count + 1)]
    return ((first, following - 1) for first, following in itertools.pairwise(ends))
