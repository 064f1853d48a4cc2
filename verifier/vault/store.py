"""The vault as the service reads it.

`pin` gives the active epoch; what is looked up in a pinned epoch comes from that epoch, whatever is activated
meanwhile. Another process's activation is seen within a second, without a query a request. For each question
exactly two rows come back, by the same statement, whether the person is held or not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from verifier.breaker import Breaker
from verifier.errors import RegistryUnavailableError
from verifier.failure import ADVICE, Failure, classify
from verifier.vault.epoch import Epoch, EpochState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verifier.vault.catalogue import Catalogue
    from verifier.vault.epoch import Followed
    from verifier.vault.rotation import Rotation

Row = tuple[bytes, bytes]
"""Stored token (16 bytes) and sealed box."""
Query = tuple[bytes, bytes, bytes]
"""Token that is asked for, and two decoys' tokens."""
Answer = tuple[Row, Row]
"""Held: record and second decoy. Not held: both decoys."""

POLL_SECONDS = 0.5
AHEAD_SECONDS = 0.3
"""How long before it is due the catalogue is read anew beside the requests, so that none of them has to."""
_FAIL_AGAIN_SECONDS = 0.2


class VaultUnavailableError(RegistryUnavailableError):
    """The vault's database failed.

    Attributes:
        failure: what is wrong with it.
    """

    def __init__(self, failure: Failure, message: str = "") -> None:
        super().__init__(message or f"vault: {ADVICE[failure]}")
        self.failure = failure

    @classmethod
    def of(cls, error: BaseException) -> VaultUnavailableError:
        """Translate a driver's error."""
        return cls(classify(error))


class VaultDamagedError(VaultUnavailableError):
    """A row that must be there is not, or an epoch is not what the catalogue says."""

    def __init__(self, message: str) -> None:
        super().__init__(Failure.DAMAGED, message)


class NoEpochError(VaultUnavailableError):
    """No epoch is active."""

    def __init__(self) -> None:
        super().__init__(
            Failure.NOT_MIGRATED, "vault: no epoch is active: load one and run 'padan-server epoch activate'"
        )


class EpochReader(Protocol):
    """Reads one epoch's rows. Thread-safe."""

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up each question.

        Raises:
            VaultDamagedError: a decoy is missing.
            VaultUnavailableError: the database failed.
        """
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedEpoch:
    """An epoch that a request holds on to.

    Attributes:
        other_keys: purpose to key id of the epoch in which an inner rotation gives people other names; None where none
            is under way.
    """

    epoch: Epoch
    reader: EpochReader
    follow: Callable[[Epoch], EpochReader | None]
    other_keys: Mapping[str, int] | None = None

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up each question; see `EpochReader.lookup_many`.

        A change may have taken in the files before this thread had opened them: then in what took their place.
        """
        try:
            return self.reader.lookup_many(queries)
        except VaultUnavailableError as error:
            if error.failure is not Failure.CANNOT_OPEN:
                raise
            newer = self.follow(self.epoch)
            if newer is None:
                raise
            return newer.lookup_many(queries)


class _GuardedReader:
    """A reader that tells the breaker how it fares."""

    def __init__(self, reader: EpochReader, store: VaultStore) -> None:
        self._reader = reader
        self._store = store

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up each question."""
        began = self._store.clock()
        try:
            answers = self._reader.lookup_many(queries)
        except VaultUnavailableError as error:
            self._store.noted(error, began)
            raise
        self._store.noted(None, began)
        return answers

    def close(self) -> None:
        """Let go of every connection."""
        self._reader.close()


class VaultStore:
    """The vault, read-only. Thread-safe. While it is away, a breaker lets only probes through."""

    def __init__(
        self,
        catalogue: Catalogue,
        open_reader: Callable[[Epoch], EpochReader],
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[bool], object] = lambda _away: None,
    ) -> None:
        """Prepare; nothing is touched before its first use.

        Args:
            catalogue: says which epoch is active.
            open_reader: opens an epoch.
            clock: monotonic seconds.
            on_change: is told when callers are turned away (True), and when no longer.
        """
        self._catalogue = catalogue
        self._open_reader = open_reader
        self.clock = clock
        self._breaker = Breaker(clock, on_change=on_change)
        self._refreshing = threading.Lock()
        self._due = float("-inf")
        self._pinned: PinnedEpoch | None = None
        self._previous: PinnedEpoch | None = None
        self._failed: tuple[float, VaultUnavailableError] | None = None
        self._failure = Failure.OTHER

    def pin(self) -> PinnedEpoch:
        """Hold on to the active epoch.

        Raises:
            NoEpochError: none is active.
            VaultUnavailableError: the database failed, or has been failing.
        """
        if not self._breaker.admits():
            raise VaultUnavailableError(self._failure)
        pinned = self._pinned
        if pinned is None:
            with self._refreshing:
                return self._pinned or self._refresh()
        if self.clock() >= self._due and self._refreshing.acquire(blocking=False):
            try:
                return self._refresh()
            finally:
                self._refreshing.release()
        return pinned

    def refresh(self) -> None:
        """Read the catalogue anew where that is nearly due; what fails is noted, and met by the next request."""
        if self._breaker.is_open or self.clock() < self._due - AHEAD_SECONDS:
            return
        with self._refreshing, contextlib.suppress(VaultUnavailableError):
            self._refresh()

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up in the epoch that is active now; see `EpochReader.lookup_many`."""
        return self.pin().lookup_many(queries)

    def epochs(self) -> list[Epoch]:
        """List the epochs by number.

        Raises:
            VaultUnavailableError: the database failed.
        """
        return self._catalogue.epochs()

    def sources(self, number: int) -> dict[str, Followed]:
        """Read how far an epoch has followed each source of changes.

        Raises:
            VaultUnavailableError: the database failed.
        """
        return self._catalogue.sources(number)

    def positions(self, number: int) -> dict[str, int]:
        """Read up to which change an epoch has followed each source.

        Raises:
            VaultUnavailableError: the database failed.
        """
        return self._catalogue.positions(number)

    def rotation(self) -> Rotation | None:
        """Read the last rotation.

        Raises:
            VaultUnavailableError: the database failed.
        """
        return self._catalogue.newest_rotation()

    def pending(self, there: Rotation | None) -> int:
        """Count the changes that a rotation's other epoch has yet to take.

        Raises:
            VaultUnavailableError: the database failed.
        """
        return self._catalogue.pending(there)

    def check(self) -> Epoch:
        """Read the catalogue anew and try the active epoch.

        Raises:
            VaultUnavailableError: the vault does not work.
        """
        return self.probe().epoch

    def probe(self) -> PinnedEpoch:
        """Read the catalogue anew and hold on to the active epoch, also while callers are turned away.

        A lookup in it that works ends that.

        Raises:
            VaultUnavailableError: the vault does not work.
        """
        self._breaker.probing()
        with self._refreshing:
            self._failed = None
            return self._refresh()

    def noted(self, error: VaultUnavailableError | None, began: float) -> None:
        """Note how a lookup or a reading of the catalogue ended that began at a monotonic second."""
        if error is None:
            if self._failed is None:  # else the rows can be read, but not which epoch is active
                self._breaker.succeeded()
        elif not isinstance(error, (NoEpochError, VaultDamagedError)):  # those cost no time
            self._failure = error.failure
            self._breaker.failed(self.clock() - began)

    def close(self) -> None:
        """Let go of every connection."""
        with self._refreshing:
            for pinned in (self._pinned, self._previous):
                if pinned is not None:
                    pinned.reader.close()
            self._pinned = self._previous = None
        self._catalogue.close()

    def _refresh(self) -> PinnedEpoch:
        """Read which epoch is active; called with the lock held."""
        now = self.clock()
        if self._failed is not None and now < self._failed[0]:
            raise VaultUnavailableError(self._failed[1].failure, str(self._failed[1]))
        try:
            pinned = self._follow()
        except NoEpochError:
            self._pinned = None
            raise
        except VaultUnavailableError as error:
            self.noted(error, now)
            # The others fail at once too, instead of each waiting for the same dead server.
            self._failed = (self.clock() + _FAIL_AGAIN_SECONDS, error)
            self._due = float("-inf")
            raise
        self._failed, self._due = None, now + POLL_SECONDS
        return pinned

    def _follow(self) -> PinnedEpoch:
        """Open what the catalogue says; where a change took those files in meanwhile, what it says then."""
        found = self._catalogue.in_use()
        while True:
            try:
                return self._open(*found)
            except NoEpochError:
                raise
            except VaultUnavailableError:
                before, found = found, self._catalogue.in_use()
                if found.active == before.active:
                    raise

    def _newer(self, epoch: Epoch) -> EpochReader | None:
        """Give the reader of the same epoch's newer files, if there are any."""
        with self._refreshing:
            now = self._refresh()
        same = now.epoch.number == epoch.number and now.epoch.layers != epoch.layers
        return now.reader if same else None

    def _open(self, active: Epoch | None, other: Epoch | None) -> PinnedEpoch:
        if active is None or active.state is not EpochState.ACTIVE:
            raise NoEpochError
        pinned, other_keys = self._pinned, None if other is None else other.key_ids
        if pinned is not None and (pinned.epoch, pinned.other_keys) == (active, other_keys):
            return pinned
        if pinned is not None and (pinned.epoch.number, pinned.epoch.layers) == (
            active.number,
            active.layers,
        ):
            # Changed in place, or not at all: the same reader reads what is there now.
            self._pinned = replace(pinned, epoch=active, other_keys=other_keys)
            return self._pinned
        opened = PinnedEpoch(
            epoch=active,
            reader=_GuardedReader(self._open_reader(active), self),
            follow=self._newer,
            other_keys=other_keys,
        )
        # Requests under way may still read the one before; nobody reads the one before that.
        if self._previous is not None:
            self._previous.reader.close()
        self._previous, self._pinned = pinned, opened
        return opened
