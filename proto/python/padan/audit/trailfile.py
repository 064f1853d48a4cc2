"""The request that goes between auditors while they open a resident's trail, and what the service answered to it.

It holds no number in the clear: the blind of the commitment lies in boxes for each auditor (HPKE), handles in boxes for
those alone who have signed the request. A number is typed in by each who needs it. Parts are files of their own
(`partfile`). Formats: docs/formats/trail.md.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from padan import proposal, signature, trail
from padan.audit import boxes
from padan.card import FORMAT, PeopleFileError, raw, read_json, text
from padan.proposal import Proposal, ProposalError
from padan.signature import SignatureError
from padan.v1 import audit_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.auditors import AuditorsKey
    from padan.nik import Nik
    from padan.personfile import Person

REQUEST: Final = "trail-request"
MAX_FILE: Final = 64 * 1024 * 1024
_HANDLES_SIZE: Final = 2 * trail.HANDLE_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, from the proposal to the answer.

    Attributes:
        approvals: thumbprints of auditors' keys to signatures.
        blinds: the commitment's blind, sealed to each auditor, by name.
        handles: both handles, sealed to each who had signed, by name; empty until the service has answered.
    """

    proposal: Proposal
    approvals: Mapping[str, bytes]
    blinds: Mapping[str, bytes]
    handles: Mapping[str, bytes]

    @property
    def opening(self) -> trail.Opening:
        """What is proposed."""
        return trail.read(self.proposal)


def propose(
    person: Person, key: AuditorsKey, *, nik: Nik, reason: str, mandate: str, received: int, now: int
) -> Request:
    """Propose to open a resident's trail, and sign it.

    Args:
        person: who proposes.
        key: the auditors' key.
        nik: the resident's number.
        reason: why, for the log.
        mandate: what it rests on.
        received: when the resident asked, seconds of the Unix epoch.
        now: seconds of the Unix epoch.

    Raises:
        PeopleFileError: who proposes is none of the auditors, or a text is malformed.
    """
    key.number(person.card.name)
    blind = os.urandom(trail.BLIND_SIZE)
    try:
        opening = trail.Opening(
            request_id=os.urandom(trail.ID_SIZE),
            commitment=trail.commit(key.place, blind=blind, nik=nik),
            reason=reason,
            mandate=mandate,
            received=received,
        )
    except ProposalError as error:
        raise PeopleFileError(str(error), reason="text", next_step="say it in other words") from None
    made = Proposal(
        action=trail.ACTION,
        body=opening.encode(),
        base=bytes(proposal.BASE_SIZE),
        nonce=os.urandom(proposal.NONCE_SIZE),
        created=now,
        expires=now + trail.SECONDS,
        needed=trail.NEEDED,
        proposer=person.signer.key_id,
    )
    blinds = boxes.seal(key, blind, info_of(key, "trail-blind", made))
    return sign(Request(proposal=made, approvals={}, blinds=blinds, handles={}), person, key)


def sign(request: Request, person: Person, key: AuditorsKey) -> Request:
    """Add an auditor's signature.

    Raises:
        PeopleFileError: the auditor is none of the key's.
    """
    key.number(person.card.name)
    signed = person.signer.sign(proposal.message(key.place, request.proposal))
    return replace(request, approvals={**request.approvals, person.signer.key_id: signed})


def blind_of(request: Request, person: Person, key: AuditorsKey, *, nik: Nik) -> bytes:
    """Open the blind, and see that the number is the one that was proposed.

    Raises:
        PeopleFileError: the box does not open, or the number is another.
    """
    blind = boxes.unseal(request.blinds, person, info_of(key, "trail-blind", request.proposal))
    made = trail.commit(key.place, blind=blind, nik=nik)
    if not hmac.compare_digest(made, request.opening.commitment):
        raise PeopleFileError(
            "the number is not the one that the request is about",
            reason="number",
            next_step="enter the number of the resident's own letter; if it is right, do not sign",
        )
    return blind


def message(request: Request, *, nik: Nik, blind: bytes) -> audit_pb2.OpenTrailRequest:
    """Put together what the service is asked."""
    return audit_pb2.OpenTrailRequest(
        proposal=request.proposal.encode(),
        approvals=[
            audit_pb2.TrailApproval(key_id=key_id, signature=found)
            for key_id, found in sorted(request.approvals.items())
        ],
        nik=nik.value,
        blind=blind,
    )


def answered(request: Request, handles: tuple[bytes, bytes], key: AuditorsKey) -> Request:
    """Keep the service's answer, sealed to each auditor who has signed.

    Raises:
        PeopleFileError: a signature under the request does not verify.
    """
    info = info_of(key, "trail-handles", request.proposal)
    return replace(request, handles=boxes.seal(key, b"".join(handles), info, names=signers(request, key)))


def handles_of(request: Request, person: Person, key: AuditorsKey) -> tuple[bytes, bytes]:
    """Open the handles.

    Raises:
        PeopleFileError: the service has not answered, or the box does not open.
    """
    if not request.handles:
        raise PeopleFileError(
            "the service has not been asked yet",
            reason="unanswered",
            next_step="run padan-audit subject open first",
        )
    found = boxes.unseal(request.handles, person, info_of(key, "trail-handles", request.proposal))
    if len(found) != _HANDLES_SIZE:
        raise PeopleFileError("the handles are malformed", reason="format")
    return found[: trail.HANDLE_SIZE], found[trail.HANDLE_SIZE :]


def signers(request: Request, key: AuditorsKey) -> list[str]:
    """Name the auditors whose signatures stand under a request and verify.

    Raises:
        PeopleFileError: one is of nobody, or does not verify.
    """
    names = []
    for key_id, found in request.approvals.items():
        name = key.name_of(key_id)
        try:
            signature.verify(
                key.roster.get(key_id, b""), proposal.message(key.place, request.proposal), found
            )
        except SignatureError:
            raise PeopleFileError(
                f"the signature of {name or 'nobody among the auditors'} does not verify",
                reason="signature",
                next_step="have the request signed anew",
            ) from None
        names.append(name)
    return sorted(names)


def encode(request: Request, key: AuditorsKey) -> bytes:
    """Write a request's file."""
    content = {
        "format": FORMAT,
        "use": REQUEST,
        "registry_id": key.place.registry_id,
        "environment": key.place.environment,
        "key_id": key.key_id.hex(),
        "proposal": text(request.proposal.encode()),
        "approvals": boxes.spell(request.approvals),
        "blinds": boxes.spell(request.blinds),
        "handles": boxes.spell(request.handles),
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def decode(data: bytes, key: AuditorsKey) -> Request:
    """Read a request's file.

    Raises:
        PeopleFileError: malformed, or made for another auditors' key.
    """
    content = read_json(data, REQUEST)
    require_key(content, key)
    try:
        request = Request(
            proposal=Proposal(**proposal.decode(raw(content["proposal"]))),
            approvals=boxes.read(content["approvals"]),
            blinds=boxes.read(content["blinds"]),
            handles=boxes.read(content["handles"]),
        )
        trail.read(request.proposal)
    except (KeyError, TypeError, ValueError, AttributeError, ProposalError) as error:
        raise PeopleFileError("the request is malformed", reason="format") from error
    return request


def require_key(content: Mapping[str, Any], key: AuditorsKey) -> None:
    """See that a file is for an auditors' key.

    Raises:
        PeopleFileError: it is for another one.
    """
    if content.get("key_id") != key.key_id.hex():
        raise PeopleFileError(
            "the file belongs to another auditors' key",
            reason="key",
            next_step="name with --auditors the key that the request was made for",
        )


def info_of(key: AuditorsKey, construction: str, about: Proposal, number: int = 0) -> bytes:
    """Say what a box of a request or a part is bound to, before the name of whom it is for."""
    return key.place.label(construction) + key.key_id + about.id(key.place) + bytes((number,))
