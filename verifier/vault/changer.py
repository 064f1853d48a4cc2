"""The vault as the projector changes it: rows of the epoch in use replaced or added, and how far a source was followed.

What `apply` is given becomes visible all at once, in the transaction that moves the source's position; a process that
is killed anywhere has applied it or has not, and the position says which. A row is replaced, never removed: who is no
longer held keeps a row that says so, and says under which revision.

One process at a time changes a vault, under a lock that goes with its holder: between what it reads and what it writes
no row is another's, and whoever has had the lock since knows of all that those before have begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from verifier.errors import OperatorError
from verifier.vault.catalogue import CARRIED, REPLACED
from verifier.vault.epoch import TOKEN_SIZE, EpochState
from verifier.vault.pairs import Beside
from verifier.vault.store import NoEpochError
from verifier.vault.writer import LoadOrderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Connection

    from verifier.vault.catalogue import Catalogue
    from verifier.vault.epoch import Epoch, Followed
    from verifier.vault.store import Row


_WITH_ROWS: Final = frozenset({EpochState.READY, EpochState.ACTIVE, EpochState.RETIRED})


class Change(Protocol):
    """Rows that are about to become visible."""

    def write(self, connection: Connection) -> None:
        """Write what makes them visible, in the catalogue's transaction."""
        ...

    def committed(self) -> None:
        """Throw away what nobody needs any more."""
        ...


class ChangesBusyError(OperatorError):
    """Another process changes the vault."""


class EpochChanger(Protocol):
    """Changes one kind of database. Failures are `VaultUnavailableError`.

    Attributes:
        at_once: rows that are replaced in one transaction at most.
    """

    at_once: int

    def take(self, seconds: float) -> bool:
        """Take the lock, before everything else.

        Args:
            seconds: to wait for another process that has it.

        Returns:
            False where it has it still.
        """
        ...

    def require(self, connection: Connection) -> None:
        """See that the lock is held still, in the catalogue's transaction before anything is written there.

        Raises:
            VaultUnavailableError: it is lost.
        """
        ...

    def boxes(self, epoch: Epoch, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        ...

    def prepare(self, epoch: Epoch, rows: Sequence[Row], *, whole: bool = False) -> Change:
        """Prepare rows, by ascending token; nothing of it is visible yet.

        Args:
            epoch: is changed.
            rows: token and box.
            whole: leave nothing behind of the rows that are replaced, as far as the database can.
        """
        ...

    def close(self) -> None:
        """Let go of the lock and everything."""
        ...


class VaultChanger:
    """Changes epochs, as a rule the active one. For one thread of one process at a time."""

    def __init__(self, catalogue: Catalogue, changer: EpochChanger) -> None:
        self._catalogue = catalogue
        self._changer = changer

    def epoch(self) -> Epoch:
        """Read which epoch is active, as it is now.

        Raises:
            NoEpochError: none is.
        """
        return in_use(self._catalogue)

    def epochs(self) -> list[Epoch]:
        """List the epochs that have rows which can be changed: ready, active or retired."""
        return [epoch for epoch in self._catalogue.epochs() if epoch.state in _WITH_ROWS]

    def other(self, epoch: Epoch) -> Epoch | None:
        """Read which epoch takes an epoch's changes besides, projected for itself: in an inner rotation alone."""
        found = self._catalogue.in_use()
        return found.other if found.active is not None and found.active.number == epoch.number else None

    def replace(self, epoch: Epoch, rows: Sequence[Row]) -> None:
        """Replace rows of any epoch, and leave nothing behind of them as far as the database can.

        Many are replaced in several transactions: whoever is killed in between does it again.

        Args:
            epoch: as `epochs` listed it a moment ago.
            rows: token and box by strictly ascending token, all of them held.

        Raises:
            LoadOrderError: out of order, a token twice, or a wrong size.
            PositionError: another process replaces rows too, as one that lost the lock.
            EpochStateError: the epoch is gone.
        """
        _check(rows, epoch.box_size)
        for start in range(0, len(rows), self._changer.at_once):
            self._replace(epoch, rows[start : start + self._changer.at_once])

    def _replace(self, epoch: Epoch, rows: Sequence[Row]) -> None:
        change = self._changer.prepare(epoch, rows, whole=True)
        before = self._catalogue.followed(epoch.number, REPLACED).position
        self._catalogue.amend(
            epoch.number,
            source=REPLACED,
            before=before,
            after=before + 1,
            as_of_ms=0,
            added=0,
            write=self._held(change.write),
            tokens=[token for token, _ in rows],
            beside=Beside(),  # whoever replaces rows does so in every epoch
            retired=True,
        )
        change.committed()

    def carry(
        self, epoch: Epoch, rows: Sequence[Row], *, added: int, write: Callable[[Connection], object]
    ) -> Epoch:
        """Bring rows from the other epoch of a rotation.

        Args:
            epoch: as `epochs` listed it a moment ago.
            rows: token and box by strictly ascending token.
            added: how many of them are new, as `boxes` has told.
            write: writes that they are there, in the same transaction.

        Returns:
            The epoch as it is now.

        Raises:
            LoadOrderError: out of order, a token twice, or a wrong size.
            PositionError: another process does it too, as one that lost the lock.
            EpochStateError: the epoch is gone.
        """
        _check(rows, epoch.box_size)
        change = self._changer.prepare(epoch, rows)
        before = self._catalogue.followed(epoch.number, CARRIED).position
        self._catalogue.amend(
            epoch.number,
            source=CARRIED,
            before=before,
            after=before + 1,
            as_of_ms=0,
            added=added,
            write=self._held(change.write, write),
            retired=True,
        )
        change.committed()
        return next(each for each in self.epochs() if each.number == epoch.number)

    def position(self, epoch: Epoch, source: str) -> int:
        """Read how far an epoch has followed a source; 0 at the beginning."""
        return self.followed(epoch, source).position

    def followed(self, epoch: Epoch, source: str) -> Followed:
        """Read how far an epoch has followed a source, and to which state of the registry."""
        return self._catalogue.followed(epoch.number, source)

    def boxes(self, epoch: Epoch, tokens: Iterable[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        return self._changer.boxes(epoch, sorted(set(tokens)))

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
        """Replace or add rows, and move the source's position.

        Args:
            epoch: as `epoch` returned it a moment ago.
            rows: token and box by strictly ascending token, every box of the epoch's box_size; may be none.
            added: how many of them are new, as `boxes` has told.
            source: whose changes they are.
            before: the position that they follow.
            after: the position after them.
            as_of_ms: the registry's state that the epoch shows then, milliseconds of the Unix epoch; 0 leaves it.
            beside: the rows of the other epoch of an inner rotation; None where `other` has told of none.
            also: changes what follows the rows, in the same transaction after them; what it raises undoes all of it.

        Returns:
            The epoch as it is now.

        Raises:
            LoadOrderError: out of order, a token twice, or a wrong size.
            PositionError: somebody else follows the source too.
            EpochStateError: the epoch is no longer in use.
            RotationBegunError: an inner rotation has begun, and nothing is beside.
        """
        _check(rows, epoch.box_size)
        change = self._changer.prepare(epoch, rows) if rows else None
        writes = [each for each in (change.write if change is not None else None, also) if each is not None]
        self._catalogue.amend(
            epoch.number,
            source=source,
            before=before,
            after=after,
            as_of_ms=as_of_ms,
            added=added,
            write=self._held(*writes),
            tokens=[token for token, _ in rows],
            beside=beside,
        )
        if change is not None:
            change.committed()
        return self.epoch()

    def _held(self, *writes: Callable[[Connection], object]) -> Callable[[Connection], None]:
        """Write under the lock alone."""

        def write(connection: Connection) -> None:
            self._changer.require(connection)
            for each in writes:
                each(connection)

        return write

    def close(self) -> None:
        """Let go of everything."""
        self._changer.close()
        self._catalogue.close()


def in_use(catalogue: Catalogue) -> Epoch:
    """Read which epoch is active, as it is now.

    Raises:
        NoEpochError: none is.
    """
    active = catalogue.active()
    if active is None or active.state is not EpochState.ACTIVE:
        raise NoEpochError
    return active


def _check(rows: Sequence[Row], box_size: int) -> None:
    last = b""
    for token, box in rows:
        if token <= last or len(token) != TOKEN_SIZE or len(box) != box_size:
            raise LoadOrderError("rows come by strictly ascending token of 16 bytes, boxes of one size")
        last = token
