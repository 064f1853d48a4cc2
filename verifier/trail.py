"""Answers OpenTrail: gives two auditors what names one resident in the log, after an entry that says so.

 1 identify the caller by its certificate, and find its grant  2 validate the request: number, proposal, commitment
 3 see that two auditors of the auditors' key have signed, the caller among them, and that their grants allow trails
 4 name the number, held or not by the same work  5 take the execution, once and for all
 6 commit the entry, which names the resident in the period in use  7 answer with the handles

The handles alone open nothing: entries name their subjects under the keys of audit periods, which are sealed to the
auditors. What is refused is an entry too. Where step 6 fails, the proposal is spent, and nothing was given away.
"""

from __future__ import annotations

import hmac
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from keys import ceremony
from keys.errors import CeremonyEndedError, ProposalFormatError
from keys.period import NONCE_SIZE
from padan import nik, times, trail
from padan.entry import EntryKind, Field
from padan.errors import NikError
from padan.proposal import ProposalError
from padan.v1 import audit_pb2
from verifier import admin_entry, validate
from verifier.auditor.errors import NoGrantError
from verifier.epoch import REGISTRY_ZONE
from verifier.errors import (
    CallerError,
    InvalidFieldError,
    MalformedMessageError,
    MethodNotAllowedError,
    RateLimitedError,
)
from verifier.resident.naming import handles_in
from verifier.subject import NikSubject

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.realm import Realm
    from padan.auditors import AuditorsKey
    from verifier.call import Call, Now
    from verifier.ceremony_table import CeremonyTable
    from verifier.identity import Peer
    from verifier.limiter import RateLimiter
    from verifier.ports import Epochs, Gate, Grants, Journal, Periods

METHOD: Final = "OpenTrail"
PER_SECOND: Final = 5
"""Trails a second and auditor; what is refused for that is counted and no entry, so that nobody fills the log so."""
MAX_APPROVALS: Final = 2 * ceremony.MOST
_OVER: Final = frozenset({ceremony.State.EXECUTED, ceremony.State.EXPIRED, ceremony.State.WITHDRAWN})


class TrailsClosedError(CallerError):
    """The service has no threshold key of auditors."""

    reason = "TRAILS_CLOSED"


class TrailNotApprovedError(CallerError):
    """Too few auditors have signed, or too few of those who have may."""

    reason = "TRAIL_NOT_APPROVED"


class TrailEndedError(CallerError):
    """The proposal was executed already, or is over."""

    reason = "TRAIL_ENDED"


class Trails:
    """Opens trails for those who may.

    Args:
        key: the auditors' key; None where there is none, or one of development alone.
        realm: registry and environment.
        ceremonies: what was executed.
        rates: of the calls of each auditor.
        observe: is told of each call "opened" or "refused".
    """

    def __init__(
        self,
        *,
        gate: Gate,
        grants: Grants,
        epochs: Epochs,
        periods: Periods,
        journal: Journal,
        ceremonies: CeremonyTable,
        realm: Realm,
        key: AuditorsKey | None,
        rates: RateLimiter,
        observe: Callable[[str], object],
        now: Callable[[], Now],
    ) -> None:
        self._gate = gate
        self._grants = grants
        self._epochs = epochs
        self._periods = periods
        self._journal = journal
        self._ceremonies = ceremonies
        self._realm = realm
        self._key = key
        self._rates = rates
        self._observe = observe
        self._now = now

    def open_trail(self, call: Call) -> bytes:
        """Answer one OpenTrail, serialised.

        Raises:
            VerifierError: the caller may not, or the request is malformed or not agreed to.
            RegistryUnavailableError: the registry cannot be read.
            LogUnavailableError: the log cannot be written.
        """
        now, peer = self._now(), None
        try:
            peer = self._gate.admit(call.certificate, now.wall)
            if not self._rates.admit(f"{peer.kind}/{peer.id}", PER_SECOND, now.mono):
                raise RateLimitedError("more than five trails in a second; ask again in a second")
            opened = self._open(peer, call.raw, now.wall)
        except CallerError as error:
            self._observe("refused")
            if not isinstance(error, RateLimitedError):
                self._journal.commit([admin_entry.refused(METHOD, peer, error)])
            raise
        self._observe("opened")
        return opened

    def _open(self, peer: Peer, raw: bytes, now: float) -> bytes:
        self._require_caller(peer, now)  # 1
        request, proposal, opening, number = self._parse(raw)  # 2
        approved = self._approved(peer, request, proposal, now)  # 3
        epoch = self._epochs.pin()  # 4
        handles = [handles_in(epoch, number).log, NikSubject(number, epoch.inner).handles.log]
        ceremony_id = self._take(proposal, now)  # 5
        nonce = os.urandom(NONCE_SIZE)
        reference, period = self._periods.reference(handles[0], nonce)
        detail = {
            "auditors": ",".join(approved),
            "reader": f"{peer.kind}/{peer.id}",
            "reason": opening.reason,
            "mandate": opening.mandate,
            "received": times.text(datetime.fromtimestamp(opening.received, tz=UTC)),
            "ceremony": ceremony_id.hex(),
        }
        fields: dict[int, bytes] = {
            Field.SUBJECT: reference,
            Field.NONCE: nonce,
            Field.PERIOD: period,
            Field.REQUEST_ID: opening.request_id,
        }
        opened = admin_entry.intend(EntryKind.TRAIL_OPENED, detail, fields=fields)
        self._journal.commit([opened])  # 6
        return audit_pb2.OpenTrailResponse(handles=handles).SerializeToString()  # 7

    def _require_caller(self, peer: Peer, now: float) -> None:
        if peer.kind != "auditor":
            raise MethodNotAllowedError("only auditors may open a trail")
        if not self._grants.in_force(peer.id, now).trails:
            raise MethodNotAllowedError(
                "this auditor's grant does not allow trails: ask for a version with `trails = true`"
            )
        if self._key is None:
            raise TrailsClosedError("there is no threshold key of auditors")

    def _parse(
        self, raw: bytes
    ) -> tuple[audit_pb2.OpenTrailRequest, ceremony.Proposal, trail.Opening, nik.Nik]:
        try:
            request = audit_pb2.OpenTrailRequest.FromString(raw)
        except DecodeError:
            raise MalformedMessageError("the bytes are no OpenTrailRequest") from None
        validate.refuse_unknown(request)
        if len(request.approvals) > MAX_APPROVALS:
            raise InvalidFieldError(f"at most {MAX_APPROVALS}", field="approvals")
        if len(request.blind) != trail.BLIND_SIZE:
            raise InvalidFieldError("32 bytes", field="blind")
        try:
            proposal = ceremony.Proposal.decode(request.proposal)
            opening = trail.read(proposal)
        except (ProposalError, ProposalFormatError) as error:
            raise InvalidFieldError(str(error), field="proposal") from error
        try:
            number = nik.parse(request.nik, datetime.now(REGISTRY_ZONE).date())
        except NikError as error:
            raise InvalidFieldError(f"no NIK ({error.reason})", field="nik") from None
        made = trail.commit(self._realm, blind=request.blind, nik=number)
        if not hmac.compare_digest(made, opening.commitment):
            raise InvalidFieldError("the number that the proposal commits to", field="nik")
        return request, proposal, opening, number

    def _approved(
        self, peer: Peer, request: audit_pb2.OpenTrailRequest, proposal: ceremony.Proposal, now: float
    ) -> list[str]:
        """Name the auditors who have signed and may, the caller among them."""
        key = self._key
        assert key is not None  # noqa: S101 - step 1 has refused
        standing = ceremony.standing(
            self._realm,
            proposal,
            [ceremony.Voice(key_id=each.key_id, signature=each.signature) for each in request.approvals],
            roster=key.roster,
            now=int(now),
            executed=self._ceremonies.is_executed(proposal.id(self._realm)),
        )
        if standing.state in _OVER:
            raise TrailEndedError(f"the proposal is {standing.state.value}")
        if standing.state is not ceremony.State.APPROVED:
            raise TrailNotApprovedError(f"{max(1, standing.missing)} more of the auditors must sign it")
        names = [name for name in map(key.name_of, standing.approved) if self._may(name, now)]
        if len(names) < max(trail.NEEDED, proposal.needed):
            raise TrailNotApprovedError("the grants of those who have signed do not all allow trails")
        if peer.id not in names:
            raise TrailNotApprovedError("the caller is not among those who have signed")
        return sorted(names)

    def _may(self, auditor: str, now: float) -> bool:
        try:
            return self._grants.in_force(auditor, now).trails
        except NoGrantError:
            return False

    def _take(self, proposal: ceremony.Proposal, now: float) -> bytes:
        ceremony_id = proposal.id(self._realm)
        try:
            self._ceremonies.claim(ceremony_id, proposal, now_ms=int(now * 1000))
        except CeremonyEndedError as error:
            raise TrailEndedError("the proposal is executed") from error
        return ceremony_id
