"""Moving a dispute on, with the entry that says so: one transaction, outside the journal of a running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind, Field
from verifier import admin_entry
from verifier.dispute.errors import DisputeStateError
from verifier.dispute.state import State

if TYPE_CHECKING:
    from verifier.dispute.decision import Signed
    from verifier.dispute.state import Standing
    from verifier.dispute.table import Dispute
    from verifier.log.store import LogStore

_DAY_MS: Final = 86_400_000


def move(
    log: LogStore,
    dispute: Dispute,
    after: Standing,
    *,
    now_ms: int,
    signed: Signed | None = None,
    term: int | None = None,
) -> None:
    """Move a dispute on where it still stands as it was read.

    Args:
        log: the log, which holds the disputes too.
        dispute: as it was read.
        after: where it is to stand.
        now_ms: milliseconds of the Unix epoch; log time does not go back.
        signed: the officer's decision; None where the clock moves it.
        term: the leader's, whose duty it is; None for an officer.

    Raises:
        DisputeStateError: somebody else has moved it meanwhile.
        LogUnavailableError: the log cannot be written.
    """
    with log.transaction() as transaction:
        if term is not None:
            transaction.fence(term)
        moved = transaction.disputes().move(
            dispute.id,
            before=dispute.standing,
            after=after,
            decision=None if signed is None else signed.decision.encode(),
            signature=None if signed is None else signed.signature,
            signer=None if signed is None else signed.signer,
        )
        if not moved:
            raise DisputeStateError("the dispute has moved meanwhile; look at it again")
        at = admin_entry.log_time(transaction, now_ms)
        row = admin_entry.build(
            _kind(after, signed),
            _detail(dispute, after, signed),
            now_ms=at,
            agency=dispute.agency,
            fields={Field.REQUEST_DIGEST: dispute.case.digest},
        )
        transaction.write({}, at // _DAY_MS, [row], [])


def _kind(after: Standing, signed: Signed | None) -> EntryKind:
    if signed is None:
        return EntryKind.DISPUTE_OVERDUE
    return EntryKind.DISPUTE_RESOLVED if after.state is State.RESOLVED else EntryKind.DISPUTE_ADVANCED


def _detail(dispute: Dispute, after: Standing, signed: Signed | None) -> dict[str, str]:
    detail = {"dispute": dispute.id, "state": after.state.name.lower()}
    if signed is None:
        return detail | {"due": str(after.due_ms)}
    if after.state is State.RESOLVED:
        detail["outcome"] = after.outcome.name.lower()
        detail["overdue"] = "yes" if after.changed_ms > after.due_ms else "no"
    decided = str(signed.decision.decided_ms)
    return detail | {"officer": signed.signer, "decided": decided, "signature": signed.signature.hex()}
