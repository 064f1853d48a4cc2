"""The files that go between auditors while they open a resident's trail: a request, what the service answered, a part.

None of them holds a number in the clear: the blind of the commitment lies in boxes for each auditor (HPKE), handles and
partial openings in boxes for those alone who have signed the request. A number is typed in by each who needs it.
Formats: docs/formats/trail.md.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from padan import canonical, dleq, group, proposal, share, signature, trail
from padan.audit import boxes
from padan.audit.span import WHOLE, Span
from padan.canonical import CanonicalError
from padan.card import FORMAT, PeopleFileError, raw, read_json, text
from padan.dleq import ProofError
from padan.proposal import Proposal, ProposalError
from padan.signature import SignatureError
from padan.v1 import audit_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from padan.audit.keyfile import OwnShare
    from padan.auditors import AuditorsKey
    from padan.envelope import Envelope
    from padan.nik import Nik
    from padan.personfile import Person

REQUEST: Final = "trail-request"
PART: Final = "trail-part"
MAX_FILE: Final = 64 * 1024 * 1024
_BATCH: Final = 4_096
"""Periods under one proof."""
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
    blinds = boxes.seal(key, blind, _info(key, "trail-blind", made))
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
    blind = boxes.unseal(request.blinds, person, _info(key, "trail-blind", request.proposal))
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
    info = _info(key, "trail-handles", request.proposal)
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
    found = boxes.unseal(request.handles, person, _info(key, "trail-handles", request.proposal))
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
    _require_key(content, key)
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


def part(
    request: Request,
    person: Person,
    own: OwnShare,
    key: AuditorsKey,
    elements: Sequence[bytes],
    *,
    span: Span = WHOLE,
) -> bytes:
    """Give this auditor's part: s_i E for each envelope, with proofs, sealed to each auditor who has signed.

    Args:
        request: what is opened.
        person: who gives the part.
        own: the share.
        key: the auditors' key.
        elements: E of each envelope that is needed, of this auditor's own copy of the log.
        span: the stretch of log time that they are needed for.

    Raises:
        PeopleFileError: a signature under the request does not verify.
    """
    computed = [(element, group.multiply(own.secret, element)) for element in elements]
    public = key.members[own.number - 1].verification
    proofs = [
        dleq.prove(own.secret, public, computed[at : at + _BATCH], context=_context(request, key, own.number))
        for at in range(0, len(computed), _BATCH)
    ]
    plain = canonical.encode(
        {
            1: b"".join(pair[0] for pair in computed),
            2: b"".join(pair[1] for pair in computed),
            3: b"".join(proofs),
            **span.fields,
        }
    )
    info = _info(key, "trail-part", request.proposal, own.number)
    content = {
        "format": FORMAT,
        "use": PART,
        "key_id": key.key_id.hex(),
        "request": request.opening.request_id.hex(),
        "auditor": person.card.name,
        "boxes": boxes.spell(boxes.seal(key, plain, info, names=signers(request, key))),
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def own_part(own: OwnShare, found: Sequence[Envelope]) -> dict[bytes, bytes]:
    """Compute this auditor's own part, which needs no proof: E to s_i E."""
    return {each.element: group.multiply(own.secret, each.element) for each in found}


def read_part(
    data: bytes, request: Request, person: Person, key: AuditorsKey
) -> tuple[int, dict[bytes, bytes]]:
    """Read another auditor's part, and check its proofs.

    Returns:
        The auditor's number, and E to s_i E.

    Raises:
        PeopleFileError: malformed, of another request, or a proof does not hold; the auditor is named.
    """
    name, number, fields, _ = _opened(data, request, person, key)
    try:
        pairs = list(
            zip(_cut(fields[1], group.ELEMENT_SIZE), _cut(fields[2], group.ELEMENT_SIZE), strict=True)
        )
        proofs = _cut(fields[3], dleq.PROOF_SIZE)
        batches = [pairs[at : at + _BATCH] for at in range(0, len(pairs), _BATCH)]
        for batch, proof in zip(batches, proofs, strict=True):
            dleq.check(
                key.members[number - 1].verification, batch, proof, context=_context(request, key, number)
            )
    except (KeyError, ValueError, ProofError) as error:
        raise _wrong(name, error) from None
    return number, dict(pairs)


def read_parts(
    files: Iterable[bytes], request: Request, person: Person, key: AuditorsKey
) -> dict[int, dict[bytes, bytes]]:
    """Read the other auditors' parts, one of each, and check their proofs.

    Returns:
        By auditor's number, E to s_i E.

    Raises:
        PeopleFileError: as for `read_part`; or an auditor's part is there twice, or is the reader's own.
    """
    own = key.number(person.card.name)
    found: dict[int, dict[bytes, bytes]] = {}
    for data in files:
        number, pairs = read_part(data, request, person, key)
        if number == own or number in found:
            name = key.members[number - 1].card.name
            which = "the part is your own, which your share gives" if number == own else "two parts are given"
            raise PeopleFileError(
                f"the same auditor twice: {name}; {which}",
                reason="twice",
                next_step="give one part of each other auditor who has signed",
            )
        found[number] = pairs
    return found


def span_of(data: bytes, request: Request, person: Person, key: AuditorsKey) -> Span:
    """Read which stretch of log time another auditor's part is about; `read_part` checks its proofs.

    Raises:
        PeopleFileError: malformed, of another request, or nothing that this auditor can open; the auditor is named.
    """
    return _opened(data, request, person, key)[-1]


def _opened(
    data: bytes, request: Request, person: Person, key: AuditorsKey
) -> tuple[str, int, dict[int, bytes], Span]:
    content = read_json(data, PART, most=MAX_FILE)
    _require_key(content, key)
    name = str(content.get("auditor", ""))
    number = key.number(name)
    if content.get("request") != request.opening.request_id.hex():
        raise PeopleFileError(f"the part of {name} is for another request", reason="request")
    try:
        plain = boxes.unseal(
            boxes.read(content["boxes"]), person, _info(key, "trail-part", request.proposal, number)
        )
        return name, number, (fields := canonical.decode(plain)), Span.read(fields)
    except (CanonicalError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong(name, error) from None


def _wrong(name: str, error: Exception) -> PeopleFileError:
    return PeopleFileError(
        f"the part of {name} is wrong: {error}",
        reason="part",
        next_step=f"have {name} run padan-audit subject part again, or take another auditor's part",
    )


def _cut(data: bytes, size: int) -> list[bytes]:
    if len(data) % size:
        raise ValueError("of another size")
    return [data[at : at + size] for at in range(0, len(data), size)]


def _require_key(content: Mapping[str, Any], key: AuditorsKey) -> None:
    if content.get("key_id") != key.key_id.hex():
        raise PeopleFileError(
            "the file belongs to another auditors' key",
            reason="key",
            next_step="name with --auditors the key that the request was made for",
        )


def _info(key: AuditorsKey, construction: str, about: Proposal, number: int = 0) -> bytes:
    return key.place.label(construction) + key.key_id + about.id(key.place) + bytes((number,))


def _context(request: Request, key: AuditorsKey, number: int) -> bytes:
    """Bind a part's proof to the request, so that it proves nothing elsewhere."""
    return _info(key, "trail-proof", request.proposal, number)


def fold(parts: Mapping[int, Mapping[bytes, bytes]], element: bytes, threshold: int) -> bytearray | None:
    """Join the parts of one envelope; None where too few auditors gave theirs.

    Args:
        parts: by auditor's number, E to s_i E; checked.
        element: E.
        threshold: auditors that it takes.
    """
    given = {number: each[element] for number, each in sorted(parts.items()) if element in each}
    if len(given) < threshold:
        return None
    return share.combine(dict(list(given.items())[:threshold]))
