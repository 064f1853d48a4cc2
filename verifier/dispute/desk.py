"""DisputeService: opens an agency's disputes and tells it where they stand.

 1 identify the agency by its certificate, and keep it to a rate
 2 validate the request
 3 find the agreement in force, whose clock counts
 4 find the answer among the agency's own
 5 commit the entry and the dispute, together
 6 answer with what is kept

What is refused is an entry too. A reference that is unknown, another agency's or too old is refused with the same
words after the same work, and nothing that is said depends on the person: an answer that is found was the caller's.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Final

from google.protobuf import timestamp_pb2

from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2, dispute_pb2
from verifier import admin_entry, validate
from verifier.agreement.errors import SourceAddressNotGrantedError
from verifier.agreement.grant import address_of
from verifier.dispute import request
from verifier.dispute.case import dispute_id
from verifier.dispute.errors import (
    AlreadyDisputedError,
    DisputesClosedError,
    SealedToOtherKeyError,
    TooManyDisputesError,
    UnknownContestError,
    UnknownDisputeError,
)
from verifier.dispute.state import State
from verifier.errors import (
    CallerError,
    DeadlineRequiredError,
    InvalidFieldError,
    LogUnavailableError,
    MethodNotAllowedError,
    RateLimitedError,
    RequestIdReusedError,
)
from verifier.intent import DisputeOpening

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.agreement.grant import Terms
    from verifier.call import Call, Now
    from verifier.dispute.request import Order
    from verifier.dispute.table import Answer, Dispute, DisputeTable
    from verifier.errors import VerifierError
    from verifier.identity import Peer
    from verifier.ports import Agreements, Gate, Journal, Rates

OPENINGS_A_SECOND: Final = 10
READINGS_A_SECOND: Final = 20
_DAY_MS: Final = 86_400_000
_REFUSALS: Final[dict[str, tuple[type[VerifierError], str]]] = {
    "REQUEST_ID_REUSED": (RequestIdReusedError, "this request_id opened another dispute"),
    "ALREADY_DISPUTED": (AlreadyDisputedError, "wait until the dispute about this answer is resolved"),
    "TOO_MANY_DISPUTES": (TooManyDisputesError, "wait until some are resolved"),
}
"""What a commit refuses, by the name that it gives."""


class Desk:
    """Answers the calls of DisputeService. Safe to call from many threads."""

    def __init__(
        self,
        *,
        gate: Gate,
        agreements: Agreements,
        openings: Rates,
        readings: Rates,
        table: DisputeTable,
        journal: Journal,
        now: Callable[[], Now],
        key_id: str,
        days: int,
        limit: int,
    ) -> None:
        """Bring together what it needs.

        Args:
            openings: keeps each agency to a rate of openings.
            readings: and of readings.
            key_id: of the officer's key to which a dispute must be sealed; empty where there is none.
            days: how long an answer can be disputed.
            limit: unresolved disputes that an agency may have.
        """
        self._gate = gate
        self._agreements = agreements
        self._openings = openings
        self._readings = readings
        self._table = table
        self._journal = journal
        self._now = now
        self._key_id = key_id
        self._days = days
        self._limit = limit

    def open_dispute(self, call: Call) -> bytes:
        """Answer one OpenDispute, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            LogUnavailableError: nothing is known to be durable.
        """
        return self._logged("OpenDispute", call, self._openings, OPENINGS_A_SECOND, self._open)

    def get_dispute(self, call: Call) -> bytes:
        """Answer one GetDispute, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
        """
        return self._logged("GetDispute", call, self._readings, READINGS_A_SECOND, self._get)

    def list_disputes(self, call: Call) -> bytes:
        """Answer one ListDisputes, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
        """
        return self._logged("ListDisputes", call, self._readings, READINGS_A_SECOND, self._list)

    def _logged(
        self,
        method: str,
        call: Call,
        rates: Rates,
        per_second: int,
        act: Callable[[Peer, Call, Now], bytes],
    ) -> bytes:
        """Identify the caller and act; log a refusal, but for what the commit has refused and logged itself."""
        now, peer = self._now(), None
        try:
            peer = self._gate.admit(call.certificate, now.wall)  # 1
            if peer.kind != "agency":
                raise MethodNotAllowedError("only agencies dispute answers")
            if call.remaining is None:
                raise DeadlineRequiredError("every call needs a deadline")
            if not rates.admit(peer.id, per_second, now.mono):
                raise RateLimitedError("more calls about disputes a second than are taken")
            return act(peer, call, now)
        except _RefusedInCommit as refused:
            raise refused.error from None
        except CallerError as error:
            self._journal.commit([admin_entry.refused(method, peer, error)])
            raise

    def _open(self, peer: Peer, call: Call, now: Now) -> bytes:
        order = request.order(validate.decode(dispute_pb2.OpenDisputeRequest, call.raw))  # 2
        if not self._key_id:
            raise DisputesClosedError("no officer's key is set")
        if order.case.key_id != self._key_id:
            raise SealedToOtherKeyError("seal to the key that GetServiceInfo shows for disputes")
        terms = self._agreements.in_force(peer.id, now.wall)  # 3
        if not terms.admits(address_of(call.peer)):
            raise SourceAddressNotGrantedError("calls from this address are not in the agreement")
        answer = self._find(peer, order, now)  # 4
        opening = DisputeOpening(
            dispute_id=dispute_id(peer.id, order.request_id),
            request_id=order.request_id,
            order=order.case.order(peer.id, order.request_id),
            answer=answer.sequence,
            hours=terms.agreement.dispute.answer_hours,
            limit=self._limit,
            document=order.case.encode(),
        )
        self._commit(peer, order, terms, opening)  # 5
        dispute = self._table.find(opening.dispute_id)
        if dispute is None:
            raise LogUnavailableError("what was committed cannot be read")
        return dispute_pb2.OpenDisputeResponse(dispute=_message(dispute)).SerializeToString()  # 6

    def _find(self, peer: Peer, order: Order, now: Now) -> Answer:
        answer = self._table.find_answer(peer.id, order.contest, order.case.digest)
        if answer is None or answer.log_time_ms < now.wall * 1000 - self._days * _DAY_MS:
            raise UnknownContestError(f"none of yours, or older than {self._days} days", field="contest")
        if not {*order.case.claims} <= {*answer.claims}:
            raise InvalidFieldError("claims of the question that was answered", field="claims")
        return answer

    def _commit(self, peer: Peer, order: Order, terms: Terms, opening: DisputeOpening) -> None:
        agreement, case = terms.agreement, order.case
        intent = admin_entry.intend(
            EntryKind.DISPUTE_OPENED,
            {
                "dispute": opening.dispute_id,
                "contest": case.contest,
                "hours": str(opening.hours),
                "box": hashlib.sha256(case.box).hexdigest(),
            },
            agency=peer.id,
            officer=order.officer,
            fields={
                Field.OFFICER: order.officer.encode(),
                Field.CERTIFICATE: peer.fingerprint,
                Field.AGREEMENT: agreement.agreement_id.encode(),
                Field.AGREEMENT_VERSION: agreement.version.to_bytes(4, "big"),
                Field.CLAIMS: b"".join(number.to_bytes(2, "big") for number in case.claims),
                Field.REQUEST_DIGEST: case.digest,
                Field.REQUEST_ID: order.request_id,
            },
            opening=opening,
        )
        (settled,) = self._journal.commit([intent])
        if settled.reason:
            kind, message = _REFUSALS[settled.reason]
            raise _RefusedInCommit(kind(message))

    def _get(self, peer: Peer, call: Call, now: Now) -> bytes:
        del now
        wanted = request.dispute_id(validate.decode(dispute_pb2.GetDisputeRequest, call.raw))
        dispute = self._table.find(wanted)
        if dispute is None or dispute.agency != peer.id:
            raise UnknownDisputeError("none of yours has this id", field="dispute_id")
        return dispute_pb2.GetDisputeResponse(dispute=_message(dispute)).SerializeToString()

    def _list(self, peer: Peer, call: Call, now: Now) -> bytes:
        del now
        page = request.page(validate.decode(dispute_pb2.ListDisputesRequest, call.raw))
        found = self._table.newest(page.size, agency=peer.id, unresolved=page.unresolved, before=page.before)
        more = len(found) == page.size
        return dispute_pb2.ListDisputesResponse(
            disputes=[_message(dispute) for dispute in found],
            next_page_token=request.page_token(found[-1].standing.opened_ms, found[-1].id) if more else "",
        ).SerializeToString()


class _RefusedInCommit(Exception):  # noqa: N818 - carries an error, and is none that anybody sees
    """The commit has refused, and logged that."""

    def __init__(self, error: VerifierError) -> None:
        super().__init__()
        self.error = error


def _message(dispute: Dispute) -> dispute_pb2.Dispute:
    standing = dispute.standing
    message = dispute_pb2.Dispute(
        dispute_id=dispute.id,
        request_id=str(uuid.UUID(bytes=dispute.request_id)),
        contest=dispute.case.contest,
        claims=[attribute_pb2.Attribute.ValueType(number) for number in dispute.case.claims],
        state=dispute_pb2.DisputeState.ValueType(standing.state),
        outcome=dispute_pb2.DisputeOutcome.ValueType(standing.outcome),
        opened_at=_moment(standing.opened_ms),
        due_at=_moment(standing.due_ms),
        changed_at=_moment(standing.changed_ms),
    )
    if standing.overdue_ms is not None:
        message.overdue_at.CopyFrom(_moment(standing.overdue_ms))
    if standing.state is State.RESOLVED:
        message.decision = dispute.decision or b""
        message.signature = dispute.signature or b""
        message.signer = dispute.signer or ""
    return message


def _moment(ms: int) -> timestamp_pb2.Timestamp:
    stamp = timestamp_pb2.Timestamp()
    stamp.FromMilliseconds(ms)
    return stamp
