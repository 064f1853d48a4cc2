"""The table of disputes inside a transaction of the log, the same on both databases.

Whatever is written here stands or falls with the entry that tells of it. The transaction keeps others out: on SQLite by
its write lock, on PostgreSQL by an advisory lock that `LogTransaction.disputes` takes.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final, Protocol

from verifier.dispute.state import Standing, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.intent import DisputeOpening

REPLAYED: Final = "REPLAYED"
"""The same was opened before by the same request_id; no ErrorReason."""
_KNOWN: Final = "SELECT order_digest FROM dispute WHERE id = ?"
_DISPUTED: Final = "SELECT 1 FROM dispute WHERE answer = ? AND state < ?"
_UNRESOLVED: Final = "SELECT count(*) FROM dispute WHERE agency = ? AND state < ?"
_OPEN: Final = (
    "INSERT INTO dispute (id, agency, request_id, order_digest, answer, state, outcome, opened_ms, due_ms,"
    " changed_ms, document) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
_FORGET: Final = "DELETE FROM dispute WHERE id = ? AND state = ?"
_MOVE: Final = (
    "UPDATE dispute SET state = ?, outcome = ?, changed_ms = ?, overdue_ms = ?, decision = coalesce(?, decision),"
    " signature = coalesce(?, signature), signer = coalesce(?, signer)"
    " WHERE id = ? AND state = ? AND coalesce(overdue_ms, 0) = ?"
)


class Cursor(Protocol):
    """What a statement gives, on both drivers."""

    @property
    def rowcount(self) -> int:
        """Rows changed."""
        ...

    def fetchone(self) -> Any:
        """Read a row."""
        ...


class DisputeRows:
    """Reads and writes disputes in one transaction."""

    def __init__(self, execute: Callable[[str, Sequence[Any]], Cursor]) -> None:
        """Take the transaction's way to run a statement, whose parameters stand as `?`."""
        self._execute = execute

    def open(self, agency: str, opening: DisputeOpening, now_ms: int) -> str:
        """Open a dispute where nothing speaks against it.

        Args:
            agency: whose it is.
            opening: what is asked for.
            now_ms: log time, milliseconds of the Unix epoch.

        Returns:
            Nothing where it was opened now, `REPLAYED` where it was before, else the name of an ErrorReason.
        """
        known = self._execute(_KNOWN, (opening.dispute_id,)).fetchone()
        if known is not None:
            same = hmac.compare_digest(bytes(known[0]), opening.order)
            return REPLAYED if same else "REQUEST_ID_REUSED"
        resolved = int(State.RESOLVED)
        if self._execute(_DISPUTED, (opening.answer, resolved)).fetchone() is not None:
            return "ALREADY_DISPUTED"
        if self._execute(_UNRESOLVED, (agency, resolved)).fetchone()[0] >= opening.limit:
            return "TOO_MANY_DISPUTES"
        standing = Standing.opened(now_ms, opening.hours)
        self._execute(
            _OPEN,
            (
                opening.dispute_id,
                agency,
                opening.request_id,
                opening.order,
                opening.answer,
                int(standing.state),
                int(standing.outcome),
                standing.opened_ms,
                standing.due_ms,
                standing.changed_ms,
                opening.document,
            ),
        )
        return ""

    def forget(self, ids: Sequence[str]) -> int:
        """Forget disputes that are resolved; returns how many went."""
        return sum(self._execute(_FORGET, (each, int(State.RESOLVED))).rowcount for each in ids)

    def move(
        self,
        dispute_id: str,
        *,
        before: Standing,
        after: Standing,
        decision: bytes | None = None,
        signature: bytes | None = None,
        signer: str | None = None,
    ) -> bool:
        """Move a dispute on; False where it no longer stands where it did."""
        return (
            self._execute(
                _MOVE,
                (
                    int(after.state),
                    int(after.outcome),
                    after.changed_ms,
                    after.overdue_ms,
                    decision,
                    signature,
                    signer,
                    dispute_id,
                    int(before.state),
                    before.overdue_ms or 0,
                ),
            ).rowcount
            == 1
        )
