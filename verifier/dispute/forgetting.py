"""Resolved disputes go when they have been known for long enough, and with them the sealed boxes.

The entries that tell of a dispute stay as long as residents' rights are kept; what goes is the row, in one transaction
with the entry that says how many went. Time is the log's own, so a wall clock that runs ahead forgets nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind
from verifier import admin_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from verifier.dispute.table import DisputeTable
    from verifier.leader import Mandate
    from verifier.log.store import LogStore

_DAY_MS: Final = 86_400_000
_AT_ONCE: Final = 1_000


class DisputeForgetting:
    """Forgets disputes."""

    def __init__(
        self,
        table: DisputeTable,
        log: LogStore,
        *,
        now_ms: Callable[[], int],
        days: int,
        hold: Collection[str],
    ) -> None:
        """Bring together what it needs.

        Args:
            now_ms: log time, milliseconds of the Unix epoch.
            days: how long a dispute is kept after it was resolved.
            hold: agencies of whose disputes none is forgotten.
        """
        self._table = table
        self._log = log
        self._now_ms = now_ms
        self._days = days
        self._hold = hold

    def forget(self, mandate: Mandate) -> int:
        """Forget some of what is over; returns how many.

        Args:
            mandate: the leader's.

        Raises:
            LeaderLostError: another process leads.
            LogUnavailableError: the log cannot be read or written; nothing was forgotten.
        """
        now_ms = self._now_ms()
        over = self._table.settled_before(now_ms - self._days * _DAY_MS, _AT_ONCE, hold=self._hold)
        if not over:
            return 0
        with self._log.transaction() as transaction:
            transaction.fence(mandate.term)
            at = admin_entry.log_time(transaction, now_ms)
            gone = transaction.disputes().forget(over)
            row = admin_entry.build(EntryKind.RETENTION_APPLIED, {"disputes": str(gone)}, now_ms=at)
            transaction.write({}, at // _DAY_MS, [row], [])
        return gone
