"""Retention as a duty of the service's leader: a little at each turn, of one process at a time, logged.

Time is the log's own, that of its last entry: a wall clock that runs ahead erases nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from verifier.errors import OperatorError
from verifier.housekeeping import Duty
from verifier.retention.classes import Schedule
from verifier.retention.leftovers import Leftovers
from verifier.retention.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from verifier.config import Settings
    from verifier.leader import Mandate
    from verifier.log.store import LogStore, LogTransaction
    from verifier.retention.classes import RetentionClass

EVERY: Final = 10.0
"""Seconds between two turns of the service."""
_EXPIRE_EVERY: Final = 600.0
"""Seconds after a turn that has left nothing."""
_EXPIRE_SECONDS: Final = 2.0
_EXPIRED: Final = "answers_and_counters"
_TURN_SECONDS: Final = 5.0
_LEFTOVERS_SECONDS: Final = 3_600.0
_LOCK: Final = "retention.lock"


class RetentionBusyError(OperatorError):
    """Another process applies retention to this folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a turn removed.

    Attributes:
        erased: class to entries.
        removed: names of epochs, loads and files, by what they are.
        finished: whether nothing was left whose time is over.
    """

    erased: Mapping[RetentionClass, int]
    removed: Mapping[str, list[str]]
    finished: bool


class Expiry:
    """Deletes budgets and stored answers of days that are over: a duty of a log's one writer, else of the leader.

    A while at a time, so that nobody waits for long who would stop it, as a writer that is replaced; what is left goes
    with the next turns. The leader's next turn of retention logs how many went.

    Args:
        store: the log.
        before_day: gives the first day that stays.
        clock: monotonic seconds.
    """

    def __init__(
        self, store: LogStore, before_day: Callable[[], int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._before_day = before_day
        self._clock = clock
        self._due = float("-inf")
        self._sweep = Sweep(store, Schedule(days={}))

    def turn(self, _mandate: Mandate | None = None) -> None:
        """Delete for a while; no process needs what goes, so one that leads no more does no harm."""
        began, is_cut = self._clock(), False
        if began < self._due:
            return

        def enough() -> bool:
            nonlocal is_cut
            is_cut = self._clock() > began + _EXPIRE_SECONDS
            return is_cut

        gone = self._store.expire(self._before_day(), enough=enough)
        self._sweep.note(_EXPIRED, gone)
        if not is_cut:
            self._due = self._clock() + _EXPIRE_EVERY


def expiry(store: LogStore, before_day: Callable[[], int]) -> Duty:
    """Make the duty of a log's one writer; arguments as of `Expiry`."""
    return Duty(name="expire", every=EVERY, act=Expiry(store, before_day).turn)


class Retention:
    """Applies the settings' retention to log, vault and data folder."""

    def __init__(self, settings: Settings, store: LogStore) -> None:
        self._folder = settings.data_dir
        self._store = store
        self._looked = float("-inf")
        self.schedule = Schedule.of(settings)
        self.sweep = Sweep(store, self.schedule)
        self.leftovers = Leftovers(settings, store)

    def turn(self, mandate: Mandate) -> None:
        """Take a turn of the service, as its leader; where a command is at it, the next turn is soon enough."""
        began = time.monotonic()
        end, looks = began + _TURN_SECONDS, began - self._looked >= _LEFTOVERS_SECONDS
        with contextlib.suppress(RetentionBusyError):
            self.apply(
                enough=lambda: time.monotonic() > end,
                leftovers=looks,
                fence=lambda transaction: transaction.fence(mandate.term),
            )

    def apply(
        self,
        *,
        enough: Callable[[], bool] = lambda: False,
        leftovers: bool = True,
        fence: Callable[[LogTransaction], object] = lambda _transaction: None,
    ) -> Applied:
        """Remove what is over, entries first.

        Args:
            enough: is asked between two steps.
            leftovers: look at old epochs and files too.
            fence: is called first in each transaction that writes.

        Raises:
            LeaderLostError: the fence says so.
            RetentionBusyError: another process is at it.
            LogUnavailableError, VaultUnavailableError: a database is away; what was erased is or will be logged.
        """
        with self._alone():
            now_ms = self.now_ms()
            swept = Sweep(self._store, self.schedule, fence=fence).turn(now_ms, enough=enough)
            removed = self.leftovers.remove(now_ms, fence) if leftovers else {}
            self._looked = time.monotonic() if leftovers else self._looked
        return Applied(erased=swept.erased, removed=removed, finished=swept.finished)

    def now_ms(self) -> int:
        """Read the log time of the last entry, milliseconds; 0 for an empty log."""
        return self._store.head().log_time_ms

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise RetentionBusyError(f"{self._folder / _LOCK}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RetentionBusyError(
                    f"another process applies retention in {self._folder}; wait for it to end"
                ) from error
            yield
        finally:
            os.close(descriptor)
