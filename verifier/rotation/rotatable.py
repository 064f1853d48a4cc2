"""What a rotation moves: each table whose rows stand under keys of an epoch is `Rotatable`, with a line in tables.py.

An outer rotation calls `move`, `carry` and `sample`; it asks no registry and reads no value. An inner rotation is a
fresh projection (verifier.rotation.inner_rotator): it writes every row of the feed anew and knows both names of a
person, so it calls `rename` for what no feed holds, once every process that adds to it gives both names. Marks,
budgets and trails stand under handles that never change (docs/adr/0016), so they are no tables of this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What a comparison of rows drawn found.

    Attributes:
        drawn: rows that were opened in both epochs.
        differing: those of them that are not the same, or are in one epoch alone.
    """

    drawn: int
    differing: int


class Rotatable(Protocol):
    """A table of the vault, as a rotation moves it."""

    @property
    def name(self) -> str:
        """Name it, for people."""
        ...

    def move(self) -> None:
        """Move every row of the old epoch into the new one; what an earlier call has moved is not moved again.

        Raises:
            RotationError: something that was moved is damaged.
            ServiceError: a database is away; what was moved is kept.
        """
        ...

    def carry(self) -> int:
        """Bring noted changes into the other epoch, until none is noted; returns how many rows.

        Raises:
            ChangesBusyError: another process keeps changing the vault.
            ServiceError: a database is away; the notes are kept.
        """
        ...

    def sample(self, people: int) -> Sampled:
        """Draw rows, open them in both epochs, and compare."""
        ...

    def rename(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Let what stands under record ids of one epoch be found under those of the other, of what no feed holds.

        What stands under the old ones stays until the old epoch is dropped, for the way back; a pair that comes again
        changes nothing. This is for what was there before the rotation: whoever writes since then writes for both
        epochs, and a feed completes what is about those whom it brings.

        Args:
            pairs: old and new record id of everyone, 16 bytes each; may be gone through more than once.

        Returns:
            How many rows were renamed.
        """
        ...

    def before_flip(self, pairs: Iterable[tuple[bytes, bytes]] | None = None) -> int:
        """Complete what the other epoch may lack, while changes are not kept out yet; returns how many rows.

        Args:
            pairs: as for `rename`; None in an outer rotation.
        """
        ...

    def settle(self) -> None:
        """Wait until nothing comes in any more under one epoch's record ids alone, and complete what came in so."""
        ...

    def drop(self) -> int:
        """Delete what nothing leads to in the new epoch, before the old one is dropped; returns how many rows."""
        ...
