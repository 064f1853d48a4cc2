"""What a sync works on, as far as it knows of it: the epoch that changes go into, and what stands under numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Connection

    from tokenizer.inner import Inner
    from verifier.token.transfer import Transfer
    from verifier.vault.epoch import Epoch
    from verifier.vault.pairs import Beside
    from verifier.vault.store import Row


class Changed(Protocol):
    """The epoch that changes go into; see `VaultChanger`, whose part it is, for all of it."""

    def epoch(self) -> Epoch:
        """Read what it is now."""
        ...

    def other(self, epoch: Epoch) -> Epoch | None:
        """Read which other epoch takes the changes besides."""
        ...

    def position(self, epoch: Epoch, source: str) -> int:
        """Read how far it has followed a source."""
        ...

    def boxes(self, epoch: Epoch, tokens: Iterable[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        ...

    def apply(
        self,
        epoch: Epoch,
        rows: Sequence[Row],
        *,
        added: int,
        source: str,
        before: int,
        after: int,
        as_of_ms: int,
        beside: Beside | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> Epoch:
        """Replace or add rows, and move the source's position."""
        ...

    def replace(self, epoch: Epoch, rows: Sequence[Row]) -> None:
        """Replace rows, and leave nothing behind of them."""
        ...


class Follows(Protocol):
    """What stands under numbers, and follows them from hand to hand; see `TokenTransfers`."""

    def take(self, transfers: Sequence[Transfer], inners: Iterable[Inner]) -> None:
        """Let what stands under numbers follow."""
        ...


class Joins(Protocol):
    """What follows numbers in the very transaction that changes their rows; see `ReferenceTransfers`."""

    def joining(self, transfers: Sequence[Transfer]) -> Callable[[Connection], None] | None:
        """Prepare it; None for nothing."""
        ...

    def take(self, transfers: Sequence[Transfer]) -> None:
        """Let it follow in a transaction of its own."""
        ...


def at_once() -> None:
    """Wait for nobody."""


class Nothing:
    """Nothing stands under numbers."""

    def take(self, transfers: Sequence[Transfer], inners: Iterable[Inner] = ()) -> None:
        """Do nothing."""

    def joining(self, transfers: Sequence[Transfer]) -> None:
        """Do nothing."""
