"""The audit period in use: its key names subjects in the log, and its envelope is in the log before its first use."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from keys.period import NONCE_SIZE
from padan.entry import EntryKind, Field
from verifier import admin_entry

__all__ = ["NONCE_SIZE", "AuditPeriod"]

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.keyagent import KeyAgent
    from keys.period import Period
    from verifier.ports import Journal


RENEW_SECONDS: Final = 60.0
"""How often `renew` is called as a duty."""
GRACE_SECONDS: Final = 30.0
"""How long a request that has just named its subject under a period may still hold on to it."""


class AuditPeriod:
    """Holds the period in use, and opens the next one when it ends; the key of an ended one is zeroed."""

    def __init__(
        self, *, agent: KeyAgent, journal: Journal, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; `renew` opens the first.

        Args:
            agent: makes periods.
            journal: takes their envelopes.
            clock: the agent's monotonic clock, seconds.
        """
        self._agent = agent
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._period: Period | None = None
        self._retired: tuple[Period, float] | None = None

    def renew(self) -> None:
        """Use the agent's next period where it has one; its envelope is committed first, by whoever is first to.

        A duty calls this each minute, so that a key outlives its period by two minutes at most, also where nobody asks.

        Raises:
            LogUnavailableError: the envelope cannot be logged; the old period, if any, stays until it ends.
            keys.errors.KeyAgentAwayError: the agent does not answer, and there is no period that has not ended.
        """
        with self._lock:
            self._forget()
            old = self._period
            try:
                period = self._agent.next_period(old)
                if period is old:
                    return
                self._log(period)
            except BaseException:
                if old is not None and old.expired(self._clock()):
                    self._retire(old)
                    self._period = None
                raise
            if old is not None:
                self._retire(old)
            self._period = period

    def close(self) -> None:
        """Zero the keys."""
        with self._lock:
            for period in (self._period, self._retired and self._retired[0]):
                if period is not None:
                    period.wipe()
            self._period = self._retired = None

    def _log(self, period: Period) -> None:
        """Commit a period's envelope where nobody has; where that fails, its key is zeroed unused."""
        if period.logged:
            return
        opened = admin_entry.intend(
            EntryKind.PERIOD_OPENED,
            {"envelope": period.envelope.hex()},
            fields={Field.PERIOD: period.id},
        )
        try:
            with self._agent.announcing(period):
                self._journal.commit([opened])
        except BaseException:
            period.wipe()
            raise

    def _retire(self, period: Period) -> None:
        """Take a period out of use; a request may just be using it, so its key goes a little later."""
        if self._retired is not None:
            self._retired[0].wipe()
        self._retired = period, self._clock() + GRACE_SECONDS

    def _forget(self) -> None:
        if self._retired is not None and self._clock() >= self._retired[1]:
            self._retired[0].wipe()
            self._retired = None

    def reference(self, handle: bytes, nonce: bytes) -> tuple[bytes, bytes]:
        """Name a subject in an entry: HMAC(HMAC(K_period, h), nonce)[:16], with the period's id.

        Args:
            handle: the subject's log handle, 16 bytes.
            nonce: the entry's own, 16 random bytes.
        """
        period = self._period
        if period is None or period.expired(self._clock()):
            self.renew()
            period = self._period
        assert period is not None  # noqa: S101 - renew has set it, or raised
        return period.reference(handle, nonce), period.id
