"""The vault as the projector writes it: begin an epoch, load its rows in order, finish, activate.

Rows become visible to nobody before `finish`, and are read by nobody before `activate`. A load that was killed
leaves an epoch in state loading; `begin` with its number throws its rows away and starts anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from verifier.errors import OperatorError
from verifier.vault.catalogue import EpochStateError
from verifier.vault.epoch import MAX_BOX_SIZE, TOKEN_SIZE, Epoch, EpochState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verifier.vault.catalogue import Catalogue
    from verifier.vault.rotation import Rotation
    from verifier.vault.store import Row


class LoadOrderError(OperatorError):
    """The rows came out of order, twice, or of another size: nothing of the epoch may be used."""


class EpochLoader(Protocol):
    """Puts one epoch's rows into the database. Failures are `VaultUnavailableError`."""

    def create(self, epoch: Epoch) -> None:
        """Make room for an epoch; what a killed load left of it goes."""
        ...

    def load(self, rows: Iterable[Row]) -> int:
        """Load rows by ascending token; returns how many. May be called again with higher tokens."""
        ...

    def finish(self) -> None:
        """Make the rows durable and readable."""
        ...

    def drop(self, number: int) -> None:
        """Delete an epoch's rows."""
        ...

    def holds(self, number: int) -> bool:
        """Say whether there is anything of an epoch's rows."""
        ...

    def close(self) -> None:
        """Let go of everything, also in the middle of a load."""
        ...


class VaultWriter:
    """Loads and activates epochs. For one thread of one process at a time."""

    def __init__(self, catalogue: Catalogue, loader: EpochLoader) -> None:
        self._catalogue = catalogue
        self._loader = loader
        self._epoch: Epoch | None = None
        self._last = b""
        self._rows = 0

    def next_number(self) -> int:
        """Name the number of the next epoch; its keys are derived from it before `begin`."""
        return self._catalogue.next_number()

    def epochs(self) -> list[Epoch]:
        """List the epochs by number."""
        return self._catalogue.epochs()

    def begin(self, epoch: Epoch) -> None:
        """Begin an epoch, or begin one anew whose load was killed.

        Raises:
            EpochStateError: its number is used, or not the next one.
            LoadOrderError: its boxes are too large.
        """
        if not 0 < epoch.box_size <= MAX_BOX_SIZE:
            raise LoadOrderError(f"a box has 1 to {MAX_BOX_SIZE} bytes")
        self._catalogue.begin(epoch)
        self._loader.create(epoch)
        self._epoch, self._last, self._rows = epoch, b"", 0

    def load_sorted(self, rows: Iterable[Row]) -> int:
        """Load rows; may be called again with higher tokens.

        Args:
            rows: token and box by strictly ascending token, every box of the epoch's box_size.

        Returns:
            How many rows were loaded.

        Raises:
            LoadOrderError: out of order, a token twice, or a wrong size.
        """
        epoch = self._loading()
        loaded = self._loader.load(self._checked(rows, epoch.box_size))
        self._rows += loaded
        return loaded

    def finish(self) -> Epoch:
        """Make the epoch ready: durable, and complete."""
        epoch = self._loading()
        self._loader.finish()
        self._catalogue.finish(epoch.number, self._rows)
        self._epoch = None
        return replace(epoch, rows=self._rows, state=EpochState.READY)

    def activate(self, number: int) -> Epoch | None:
        """Make an epoch the active one for every process; returns the one that was active.

        Raises:
            EpochStateError: it is not ready.
            ReferencesLeftError: the one that is active keeps biometric references that it does not.
        """
        return self._catalogue.activate(number)

    def drop(self, number: int) -> None:
        """Delete an epoch's rows for good, also what was left of them when that was cut off.

        Raises:
            EpochStateError: it is active.
        """
        self._catalogue.drop(number)
        self._loader.drop(number)
        self._catalogue.forget_references(number)

    def left(self) -> list[int]:
        """List the epochs that are dropped and of which rows or references are there all the same."""
        dropped = [each.number for each in self.epochs() if each.state is EpochState.DROPPED]
        return [each for each in dropped if self._loader.holds(each) or self._catalogue.has_references(each)]

    def delete_rows(self, number: int) -> None:
        """Delete the rows of an epoch that is dropped; they may be gone already.

        Raises:
            EpochStateError: it is not dropped.
        """
        if any(each.number == number and each.state is not EpochState.DROPPED for each in self.epochs()):
            raise EpochStateError(f"epoch {number} is not dropped")
        self._loader.drop(number)
        self._catalogue.forget_references(number)

    def rotation(self) -> Rotation | None:
        """Read the rotation that is under way."""
        return self._catalogue.rotation()

    def close(self) -> None:
        """Let go of everything; an epoch in the middle of its load stays loading."""
        self._loader.close()
        self._catalogue.close()
        self._epoch = None

    def _loading(self) -> Epoch:
        if self._epoch is None:
            raise EpochStateError("no epoch is being loaded: begin one")
        return self._epoch

    def _checked(self, rows: Iterable[Row], box_size: int) -> Iterator[Row]:
        last = self._last
        for row in rows:
            token, box = row
            if token <= last or len(token) != TOKEN_SIZE or len(box) != box_size:
                raise LoadOrderError("rows come by strictly ascending token of 16 bytes, boxes of one size")
            last = token
            yield row
        self._last = last
