"""The part file of a trail: one auditor's s_i E for the periods that it takes, with proofs; checked, and joined.

Partial openings lie in boxes for those alone who have signed the request. Formats: docs/formats/trail.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan import canonical, dleq, group, share
from padan.audit import boxes
from padan.audit.span import WHOLE, Span
from padan.audit.trailfile import MAX_FILE, info_of, require_key, signers
from padan.canonical import CanonicalError
from padan.card import FORMAT, PeopleFileError, read_json
from padan.dleq import ProofError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from padan.audit.keyfile import OwnShare
    from padan.audit.trailfile import Request
    from padan.auditors import AuditorsKey
    from padan.envelope import Envelope
    from padan.personfile import Person

PART: Final = "trail-part"
_BATCH: Final = 4_096
"""Periods under one proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Another auditor's part, checked.

    Attributes:
        number: the auditor's.
        pairs: E to s_i E.
        span: the stretch of log time that it is given for.
    """

    number: int
    pairs: Mapping[bytes, bytes]
    span: Span


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
    context = _context(request, key, own.number, span)
    proofs = [
        dleq.prove(own.secret, public, computed[at : at + _BATCH], context=context)
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
    info = info_of(key, "trail-part", request.proposal, own.number)
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


def read_part(data: bytes, request: Request, person: Person, key: AuditorsKey) -> Part:
    """Read another auditor's part, and check its proofs, which also say what time it is given for.

    Raises:
        PeopleFileError: malformed, of another request, or a proof does not hold; the auditor is named.
    """
    name, number, fields = _opened(data, request, person, key)
    try:
        span = Span.read(fields)
        pairs = list(
            zip(_cut(fields[1], group.ELEMENT_SIZE), _cut(fields[2], group.ELEMENT_SIZE), strict=True)
        )
        proofs = _cut(fields[3], dleq.PROOF_SIZE)
        batches = [pairs[at : at + _BATCH] for at in range(0, len(pairs), _BATCH)]
        context = _context(request, key, number, span)
        for batch, proof in zip(batches, proofs, strict=True):
            dleq.check(key.members[number - 1].verification, batch, proof, context=context)
    except (KeyError, ValueError, ProofError) as error:
        raise _wrong(name, error) from None
    return Part(number=number, pairs=dict(pairs), span=span)


def read_parts(files: Iterable[bytes], request: Request, person: Person, key: AuditorsKey) -> list[Part]:
    """Read the other auditors' parts, one of each, and check their proofs.

    Raises:
        PeopleFileError: as for `read_part`; or an auditor's part is there twice, or is the reader's own.
    """
    own = key.number(person.card.name)
    found: dict[int, Part] = {}
    for data in files:
        given = read_part(data, request, person, key)
        if given.number == own or given.number in found:
            name = key.members[given.number - 1].card.name
            which = "two parts are given"
            if given.number == own:
                which = "the part is your own, which your share gives"
            raise PeopleFileError(
                f"the same auditor twice: {name}; {which}",
                reason="twice",
                next_step="give one part of each other auditor who has signed",
            )
        found[given.number] = given
    return list(found.values())


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


def _opened(
    data: bytes, request: Request, person: Person, key: AuditorsKey
) -> tuple[str, int, dict[int, bytes]]:
    content = read_json(data, PART, most=MAX_FILE)
    require_key(content, key)
    name = str(content.get("auditor", ""))
    number = key.number(name)
    if content.get("request") != request.opening.request_id.hex():
        raise PeopleFileError(f"the part of {name} is for another request", reason="request")
    try:
        plain = boxes.unseal(
            boxes.read(content["boxes"]), person, info_of(key, "trail-part", request.proposal, number)
        )
        return name, number, canonical.decode(plain)
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


def _context(request: Request, key: AuditorsKey, number: int, span: Span) -> bytes:
    """Bind a part's proof to the request and the time, so that it proves nothing elsewhere and of no other time."""
    bound = b"" if span.is_whole else canonical.encode(span.fields)
    return info_of(key, "trail-proof", request.proposal, number) + bound
