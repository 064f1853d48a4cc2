"""The clock of disputes: one that is not resolved when its time is up is marked as overdue, with an entry, once.

The mark and the entry are one transaction of the leader's, and the mark is made only where there is none: an officer
may be faster. The entry is the agency's to read and the auditors'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verifier.dispute import entries
from verifier.dispute.errors import DisputeStateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.dispute.table import DisputeTable
    from verifier.leader import Mandate
    from verifier.log.store import LogStore

_AT_ONCE: Final = 1_000


class DisputeClock:
    """Marks what is overdue."""

    def __init__(self, table: DisputeTable, log: LogStore, *, now: Callable[[], float]) -> None:
        """Bring together what it needs.

        Args:
            now: seconds of the Unix epoch.
        """
        self._table = table
        self._log = log
        self._now = now

    def check(self, mandate: Mandate) -> int:
        """Mark every dispute whose time is up and that is not marked yet; returns how many.

        Args:
            mandate: the leader's.

        Raises:
            LeaderLostError: another process leads.
            LogUnavailableError: the log cannot be read or written.
        """
        marked = 0
        now_ms = int(self._now() * 1000)
        for dispute in self._table.lapsed(now_ms, _AT_ONCE):
            try:
                entries.move(
                    self._log, dispute, dispute.standing.lapse(now_ms), now_ms=now_ms, term=mandate.term
                )
            except DisputeStateError:
                continue  # an officer was faster
            marked += 1
        return marked
