"""The vault as a check reads it: rows of any epoch, by token or in the order of tokens, while others change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from verifier.vault import ranges
from verifier.vault.epoch import EpochState
from verifier.vault.store import NoEpochError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from verifier.vault.catalogue import Catalogue
    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Row

_ReadT = TypeVar("_ReadT")
_ATTEMPTS: Final = 8
"""A file that a change took in is gone; as many changes in a row do not happen within one reading."""
_ANSWERED_FROM = frozenset({EpochState.READY, EpochState.ACTIVE, EpochState.RETIRED})


class EpochRows(Protocol):
    """Reads rows in one kind of database. Failures are `VaultUnavailableError`."""

    def boxes(self, epoch: Epoch, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        ...

    def between(self, epoch: Epoch, first: int, last: int) -> list[Row]:
        """Read the rows whose tokens' first 8 bytes, as a number, are `first` to `last`, by token."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class VaultRows:
    """Reads epochs. For one thread at a time."""

    def __init__(self, catalogue: Catalogue, rows: EpochRows) -> None:
        self._catalogue = catalogue
        self._rows = rows

    def epoch(self, number: int | None = None) -> Epoch:
        """Read what an epoch is now; without a number, the active one.

        Raises:
            NoEpochError: there is none, or its rows are not there.
            VaultUnavailableError: the database failed.
        """
        if number is None:
            found = self._catalogue.active()
        else:
            found = next((each for each in self._catalogue.epochs() if each.number == number), None)
        if found is None or found.state not in _ANSWERED_FROM:
            raise NoEpochError
        return found

    def followed(self, number: int) -> int:
        """Say the highest position of any source of changes that an epoch has followed; 0 where it has none."""
        return max(self._catalogue.positions(number).values(), default=0)

    def boxes(self, number: int, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that an epoch holds."""
        return self._read(number, lambda epoch: self._rows.boxes(epoch, tokens))

    def between(self, number: int, first: int, last: int) -> list[Row]:
        """Read the rows of a part of an epoch; see `EpochRows.between`."""
        return self._read(number, lambda epoch: self._rows.between(epoch, first, last))

    def parts(self, number: int) -> Iterator[list[Row]]:
        """Read all rows of an epoch, by token, in parts; what others change meanwhile may be in them or not."""
        for first, last in ranges.heads(ranges.count_for(self.epoch(number).rows)):
            yield self.between(number, first, last)

    def close(self) -> None:
        """Let go of everything."""
        self._rows.close()
        self._catalogue.close()

    def _read(self, number: int, read: Callable[[Epoch], _ReadT]) -> _ReadT:
        """Read; where a change took files in meanwhile, read what there is then."""
        epoch = self.epoch(number)
        for _ in range(_ATTEMPTS):
            try:
                return read(epoch)
            except VaultUnavailableError:
                before, epoch = epoch, self.epoch(number)
                if epoch == before:
                    raise
        return read(epoch)
