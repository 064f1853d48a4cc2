"""The parts of an epoch that are moved one by one: ranges of stored tokens, each with the place of its run.

Which ranges there are depends on their number alone, which is written down when a rotation begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.vault import ranges

if TYPE_CHECKING:
    from pathlib import Path


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


def cut(count: int, folder: Path) -> list[Part]:
    """List the parts, by token."""
    return [
        Part(number=number, first=first, last=last, path=folder / f"part-{number:08}.run")
        for number, (first, last) in enumerate(ranges.heads(count))
    ]
