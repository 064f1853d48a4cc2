"""Jobs of conversion go when their time is over, collected or not: a page at a time, with the entry that says so.

The day on which a job was opened stands at the head of its rows' names in the clear, so this needs no key. Time is the
log's own, so that a wall clock that runs ahead deletes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from padan.entry import EntryKind
from tokenizer.conversion import lapsed
from verifier import admin_entry
from verifier.log.beside import Beside, How, Kept
from verifier.retention.classes import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.leader import Mandate
    from verifier.log.store import LogStore

PAGE: Final = 500
"""Rows that a transaction deletes, for which commits wait a few milliseconds."""
_PAGES: Final = 200
"""Pages of a turn: 100,000 rows."""


class Table(Protocol):
    """Reads the rows."""

    def between(self, after: bytes, until: bytes, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """Read the first rows whose names follow one name, up to and with another one."""
        ...


class Lapsing:
    """Deletes what is over.

    Args:
        table: the rows.
        log: the log.
        now_ms: log time, milliseconds of the Unix epoch.
        days: how long a job is kept after the day on which it was opened.
    """

    def __init__(self, table: Table, log: LogStore, *, now_ms: Callable[[], int], days: int) -> None:
        self._table = table
        self._log = log
        self._now_ms = now_ms
        self._days = days

    def turn(self, mandate: Mandate) -> int:
        """Delete some of what is over; returns how many rows.

        Args:
            mandate: the leader's.

        Raises:
            LeaderLostError: another process leads.
            LogUnavailableError: the log cannot be read or written; what was deleted before is logged.
        """
        now_ms = self._now_ms()
        until, gone = lapsed(now_ms // DAY_MS - self._days), 0
        for _ in range(_PAGES):
            names = [name for name, _ in self._table.between(b"", until, PAGE)]
            if not names:
                break
            with self._log.transaction() as transaction:
                transaction.fence(mandate.term)
                at = admin_entry.log_time(transaction, now_ms)
                transaction.keep(
                    [Kept(beside=Beside.CONVERSION, how=How.DELETE, name=name) for name in names]
                )
                detail = {"conversion_rows": str(len(names))}
                row = admin_entry.build(EntryKind.RETENTION_APPLIED, detail, now_ms=at)
                transaction.write({}, at // DAY_MS, [row], [])
            gone += len(names)
        return gone
