"""What an officer of the registry does with disputes: takes them up, and decides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.dispute import entries
from verifier.dispute.decision import Decision
from verifier.dispute.errors import NoSuchDisputeError
from verifier.dispute.state import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.realm import Realm
    from keys.signing import Signer
    from verifier.dispute.table import Dispute, DisputeTable
    from verifier.log.store import LogStore


class Office:
    """Moves disputes on by officers' signatures."""

    def __init__(
        self, *, realm: Realm, officers: Mapping[str, bytes], table: DisputeTable, log: LogStore
    ) -> None:
        """Bring together what it needs.

        Args:
            realm: the registry and environment.
            officers: key ids to public keys.
            table: the disputes.
            log: the log, which holds them.
        """
        self._realm = realm
        self._officers = officers
        self._table = table
        self._log = log

    def find(self, dispute_id: str) -> Dispute:
        """Read a dispute.

        Raises:
            NoSuchDisputeError: there is none.
            LogUnavailableError: the database failed.
        """
        dispute = self._table.find(dispute_id)
        if dispute is None:
            raise NoSuchDisputeError(f"no dispute {dispute_id[:40]!r}")
        return dispute

    def review(self, dispute_id: str, signer: Signer, *, now_ms: int) -> Dispute:
        """Take a dispute up; returns it as it stands then.

        Raises:
            NoSuchDisputeError, DisputeStateError, DecisionError: it cannot be taken up, or not by this key.
            LogUnavailableError: the log cannot be written.
        """
        return self._step(dispute_id, State.IN_REVIEW, Outcome.UNDECIDED, signer, now_ms)

    def resolve(self, dispute_id: str, outcome: Outcome, signer: Signer, *, now_ms: int) -> Dispute:
        """Decide a dispute; returns it as it stands then.

        Raises:
            NoSuchDisputeError, DisputeStateError, DecisionError: it cannot be decided, or not by this key.
            LogUnavailableError: the log cannot be written.
        """
        return self._step(dispute_id, State.RESOLVED, outcome, signer, now_ms)

    def _step(self, dispute_id: str, state: State, outcome: Outcome, signer: Signer, now_ms: int) -> Dispute:
        dispute = self.find(dispute_id)
        after = dispute.standing.advance(state, outcome, now_ms=now_ms)
        signed = Decision(
            dispute_id=dispute.id,
            agency=dispute.agency,
            digest=dispute.case.digest,
            state=state,
            outcome=outcome,
            decided_ms=now_ms,
        ).sign(self._realm, signer)
        signed.require(self._realm, self._officers)
        entries.move(self._log, dispute, after, now_ms=now_ms, signed=signed)
        return self.find(dispute_id)
