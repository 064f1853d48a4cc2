"""The audit period in use: its key names subjects in the log, and its envelope is in the log before its first use."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from keys.period import NONCE_SIZE
from padan.entry import EntryKind, Field
from verifier import admin_entry

__all__ = ["NONCE_SIZE", "AuditPeriod"]

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.agent import KeyAgent
    from keys.period import Period
    from verifier.ports import Journal


class AuditPeriod:
    """Holds the period in use and opens the next one before it ends."""

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
        self._retired: Period | None = None

    def renew(self) -> None:
        """Use the agent's next period where it has one; its envelope is committed first, by whoever is first to.

        Raises:
            LogUnavailableError: the envelope cannot be logged; the old period, if any, stays until it ends.
            keys.errors.KeyAgentAwayError: the agent does not answer, and there is no period that has not ended.
        """
        with self._lock:
            old = self._period
            period = self._agent.next_period(old)
            if period is old:
                return
            if not period.logged:
                opened = admin_entry.intend(
                    EntryKind.PERIOD_OPENED,
                    {"envelope": period.envelope.hex()},
                    fields={Field.PERIOD: period.id},
                )
                with self._agent.announcing(period):
                    self._journal.commit([opened])
            self._period = period
            if self._retired is not None:
                self._retired.wipe()
            self._retired = old  # a request may just be using it; its key goes when the next one does

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
