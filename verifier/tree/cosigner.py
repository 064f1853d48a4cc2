"""What adds the signatures of others to a checkpoint before it is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from padan.tlog import checkpoint, merkle, note
from padan.tlog.tile import TileNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from padan.tlog.note import Line, Note


@dataclass(frozen=True, slots=True)
class Asked:
    """A checkpoint that is to be cosigned.

    Attributes:
        text: with its last newline.
        signed: the note as the log has signed it.
        size: its leaves.
        consistency: gives the proof from an older size, 0 (then empty) to `size`.
    """

    text: str
    signed: bytes
    size: int
    consistency: Callable[[int], list[bytes]]


def asking_again(published: Note, read: Callable[[str], bytes]) -> Asked:
    """Ask for a checkpoint that is published, as the log alone has signed it.

    Args:
        published: it, with whatever lines.
        read: reads a tile.

    Raises:
        LogFormatError: it is no checkpoint.
    """
    stated = checkpoint.parse_text(published.text)
    own = [line for line in published.lines if line.name == stated.origin]
    return Asked(published.text, note.join(published.text, own), stated.size, proving(stated.size, read))


def proving(size: int, read: Callable[[str], bytes]) -> Callable[[int], list[bytes]]:
    """Make what proves growth to a size, from an older one or from 0 (then empty).

    Args:
        size: of the tree.
        read: reads a tile.
    """

    def prove(old: int) -> list[bytes]:
        return merkle.consistency_proof(old, size, TileNodes(size, read)) if old else []

    return prove


def renewed(lines: Sequence[Line], others: Sequence[Line]) -> tuple[Line, ...]:
    """Add cosignatures to lines; where a key has one already, the newer one stays.

    Args:
        lines: of a checkpoint.
        others: of the same checkpoint, as its witnesses have given them.
    """
    fresh = {(line.name, line.key_id): line for line in others}
    kept = [max(line, fresh.pop((line.name, line.key_id), line), key=note.stated_time) for line in lines]
    return (*kept, *fresh.values())


class Cosigner(Protocol):
    """Collects signature lines. Called in a thread of its own, one call at a time."""

    def __call__(
        self, text: str, signed: bytes, size: int, consistency: Callable[[int], list[bytes]]
    ) -> list[Line]:
        """Collect the lines of witnesses; what is not there within the bound is published later or not at all.

        Args:
            text: the checkpoint's text, with its last newline.
            signed: the note as the log has signed it.
            size: leaves of the checkpoint.
            consistency: gives the consistency proof from an older size, 0 (then empty) to `size`.
        """
        ...


@runtime_checkable
class LateCosigner(Cosigner, Protocol):
    """A cosigner that goes on by itself for the last checkpoint, and knows how many lines are enough."""

    def late(self, text: str) -> list[Line]:
        """Give the lines that have come since for a checkpoint, once."""
        ...

    def suffices(self, lines: Sequence[Line]) -> bool:
        """Say whether these lines, which it has collected, are enough."""
        ...

    def published(self, asked: Asked, lines: Sequence[Line]) -> None:
        """Take what is published now, and with which lines: these alone have been of use to anybody."""
        ...
