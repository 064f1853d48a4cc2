"""Where tokens stand that are moved: a column of a file, or of a database's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Container, Iterator, Sequence

    from padan.updating.held import Held, Move


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a batch.

    Attributes:
        moved: rows whose new token is durable.
        elsewhere: rows that have another token by now than was read; they are left alone.
        double: rows whose new token another row has, where the column takes each once.
    """

    moved: int
    elsewhere: tuple[Held, ...] = ()
    double: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What became of an undo.

    Attributes:
        put_back: rows that have their old token again.
        outdated: rows whose old token is of a version whose time is over; they keep the new one.
        elsewhere: rows that have another token by now than the update wrote; they are left alone.
    """

    put_back: int
    outdated: int
    elsewhere: int


class Place(Protocol):
    """A column of tokens."""

    @property
    def undo_in(self) -> str:
        """Name where the old tokens are kept."""
        ...

    def rows(self) -> Iterator[Held]:
        """Read the rows.

        Raises:
            TableError: they cannot be read on.
        """
        ...

    def keep(self, moves: Sequence[Move]) -> Kept:
        """Make new tokens durable, with the old ones for an undo, all or none."""
        ...

    def settle(self) -> None:
        """Put what is kept and does not stand in its place yet there, all or none."""
        ...

    def moved(self) -> Counter[int]:
        """Count the rows that an undo would put back, by the old token's version."""
        ...

    def before(self, held: Held) -> bytes:
        """Give the old token of a row whose token the update wrote; empty for another row."""
        ...

    def undo(self, accepted: Container[int]) -> Undone:
        """Put old tokens of versions that are accepted back, and forget the pairs."""
        ...

    def finish(self) -> int:
        """Forget the pairs; gives how many rows could have been put back."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
