"""The parts of an epoch that are moved one by one: ranges of stored tokens, all of about the same size.

Stored tokens are blocks of a cipher, so equal ranges hold equal numbers of rows. Which ranges there are depends on
their number alone, which is written down when a rotation begins.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ROWS: Final = 8_192
"""Rows of a part at most, about: what a killed worker loses, and what one holds in memory."""
_HEADS: Final = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A range of stored tokens.

    Attributes:
        number: from 0.
        first: the first 8 bytes of the first token, as a number.
        last: those of the last.
        path: where its run stands when it was moved.
    """

    number: int
    first: int
    last: int
    path: Path


def count_for(rows: int) -> int:
    """Say into how many parts an epoch of so many rows falls."""
    return max(1, -(-rows // ROWS))


def cut(count: int, folder: Path) -> list[Part]:
    """List the parts, by token."""
    ends = [number * _HEADS // count for number in range(count + 1)]
    return [
        Part(number=number, first=first, last=following - 1, path=folder / f"part-{number:08}.run")
        for number, (first, following) in enumerate(itertools.pairwise(ends))
    ]
