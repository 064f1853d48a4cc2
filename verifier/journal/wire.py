"""The bytes of an intent and of what became of it, between the processes of one host (docs/formats/journal.md).

There is exactly one encoding of each value: whatever decodes would be encoded to the same bytes again. Texts are UTF-8,
integers big-endian. Fields of fixed size come first: every call pays for this. An intent carries no NIK, claim value or
key; what it does carry, two ready answers and the names of counters, stays on the host.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

from padan import canonical
from padan.canonical import CanonicalError
from padan.entry import SALT_SIZE
from verifier.budget import KEY_SIZE, Counters, Limits
from verifier.dispute.case import ID_SIZE
from verifier.errors import LogUnavailableError, ServiceError, ShuttingDownError
from verifier.intent import DisputeOpening, Intent, Question, Settled, Variant
from verifier.log.beside import NAME_SIZE, Beside, How, Kept
from verifier.log.store import REQUEST_ID_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIGEST_SIZE = 32

_REFUSED, _QUESTION, _DISPUTE = range(3)
"""What an intent is, besides what all of them have."""
_KEEPING = 0x10
"""Bit of the shape: the intent has rows to be written."""
_RELEASING = 0x20
"""Bit of the shape: the question's answer releases a budget."""
_KEPT = struct.Struct(f">BB{NAME_SIZE}s")

_FRONT = struct.Struct(f">BHd{SALT_SIZE}s4H")
_ASKED = struct.Struct(f">{REQUEST_ID_SIZE}s{DIGEST_SIZE}sII{10 * KEY_SIZE}s56s2I")
_COUNTER_KEYS = struct.Struct(f">{KEY_SIZE}s" + f"{KEY_SIZE}s" * 9)
_LIMIT_VALUES = struct.Struct(">7Q")
_VARIANT = struct.Struct(">BH")
_OPENING_VALUES = struct.Struct(f">{ID_SIZE}s{REQUEST_ID_SIZE}s{DIGEST_SIZE}sQII")
_SETTLED = struct.Struct(">BBH")
_ANSWERED, _REPLAYED = 1, 2
"""Bits of an outcome: it has a body, and that is a stored one."""

_FAILURES: tuple[type[ServiceError], ...] = (LogUnavailableError, ShuttingDownError)
"""What a commit may end with; the number on the wire is the place, from 1."""


class JournalFormatError(LogUnavailableError):
    """The other process speaks otherwise; one of them is of another release."""


def encode_intent(intent: Intent) -> bytes:
    """Encode an intent.

    Raises:
        JournalFormatError: its question is kept for another agency than the intent's, or a text is too long.
    """
    question, opening = intent.question, intent.opening
    agency, officer, purpose = intent.agency.encode(), intent.officer.encode(), intent.purpose.encode()
    shape = _QUESTION if question is not None else _DISPUTE if opening is not None else _REFUSED
    kept = _encode_kept(intent.kept) if intent.kept else ()
    if kept:
        shape |= _KEEPING
    if question is not None and question.releases:
        shape |= _RELEASING
    lengths = len(agency), len(officer), len(purpose), len(intent.head)
    try:
        parts = [_FRONT.pack(shape, intent.kind, intent.ready_at, intent.salt, *lengths)]
    except struct.error as error:
        raise JournalFormatError("a field of an intent is too long") from error
    parts += (agency, officer, purpose, intent.head, *kept)
    if question is not None:
        parts += _encode_question(intent.agency, question)
    elif opening is not None:
        parts.append(_encode_opening(opening))
    return b"".join(parts)


def decode_intent(data: bytes) -> Intent:
    """Decode an intent.

    Raises:
        JournalFormatError: the bytes are not what `encode_intent` writes.
    """
    try:
        shape, kind, ready_at, salt, *lengths = _FRONT.unpack_from(data)
        officer = _FRONT.size + lengths[0]
        purpose = officer + lengths[1]
        head = purpose + lengths[2]
        end = after_head = head + lengths[3]
        kept: tuple[Kept, ...] = ()
        if shape & _KEEPING:
            shape &= ~_KEEPING
            kept, end = _decode_kept(data, end)
        releases = bool(shape & _RELEASING)
        shape &= ~_RELEASING
        if releases and shape != _QUESTION:
            raise JournalFormatError("what is no question releases no budget")
        if end > len(data) or shape > _DISPUTE or (shape == _REFUSED and end < len(data)):
            raise JournalFormatError("an intent is of another length")
        agency = data[_FRONT.size : officer].decode()
        return Intent(
            kind=kind,
            agency=agency,
            officer=data[officer:purpose].decode(),
            purpose=data[purpose:head].decode(),
            head=data[head:after_head],
            salt=salt,
            ready_at=ready_at,
            question=_decode_question(agency, data, end, releases=releases) if shape == _QUESTION else None,
            opening=_decode_opening(data[end:]) if shape == _DISPUTE else None,
            kept=kept,
        )
    except (struct.error, UnicodeDecodeError) as error:
        raise JournalFormatError("the bytes are no intent") from error


def _encode_question(asking: str, question: Question) -> tuple[bytes, ...]:
    agency, request_id = question.replay
    if agency != asking:
        raise JournalFormatError("a question is kept for the agency that asks")
    released, blocked = _encode_variant(question.released), _encode_variant(question.blocked)
    asked = _ASKED.pack(
        request_id,
        question.digest,
        question.cost_bound,
        question.units,
        b"".join(question.counters.all()),
        _encode_limits(question.limits),
        len(released),
        len(blocked),
    )
    return asked, released, blocked, question.receipt


def _decode_question(agency: str, data: bytes, position: int, *, releases: bool) -> Question:
    request_id, digest, cost_bound, units, counters, limits, *lengths = _ASKED.unpack_from(data, position)
    released = position + _ASKED.size
    blocked = released + lengths[0]
    receipt = blocked + lengths[1]
    if receipt > len(data):
        raise JournalFormatError("an answer is cut off")
    return Question(
        replay=(agency, request_id),
        digest=digest,
        counters=_decode_counters(counters),
        limits=_decode_limits(limits),
        cost_bound=cost_bound,
        units=units,
        released=_decode_variant(data[released:blocked]),
        blocked=_decode_variant(data[blocked:receipt]),
        receipt=data[receipt:],
        releases=releases,
    )


def _encode_kept(rows: Sequence[Kept]) -> tuple[bytes, bytes]:
    listed = canonical.encode_list([_KEPT.pack(row.beside, row.how, row.name) + row.box for row in rows])
    return len(listed).to_bytes(4, "big"), listed


def _decode_kept(data: bytes, position: int) -> tuple[tuple[Kept, ...], int]:
    """Read the rows, and give the place after them."""
    start = position + 4
    end = start + int.from_bytes(data[position:start], "big")
    try:
        rows = tuple(map(_decode_row, _decode_list(data[start:end])))
    except ValueError as error:
        raise JournalFormatError("the bytes are no row") from error
    if end > len(data) or not rows:
        raise JournalFormatError("an intent's rows are cut off, or there are none")
    return rows, end


def _decode_row(data: bytes) -> Kept:
    where, how, name = _KEPT.unpack_from(data)
    return Kept(beside=Beside(where), how=How(how), name=name, box=data[_KEPT.size :])


def _encode_opening(opening: DisputeOpening) -> bytes:
    return (
        _OPENING_VALUES.pack(
            opening.dispute_id.encode(),
            opening.request_id,
            opening.order,
            opening.answer,
            opening.hours,
            opening.limit,
        )
        + opening.document
    )


def _decode_opening(data: bytes) -> DisputeOpening:
    dispute_id, request_id, order, answer, hours, limit = _OPENING_VALUES.unpack_from(data)
    return DisputeOpening(
        dispute_id=dispute_id.decode(),
        request_id=request_id,
        order=order,
        answer=answer,
        hours=hours,
        limit=limit,
        document=data[_OPENING_VALUES.size :],
    )


def _decode_counters(data: bytes) -> Counters:
    """Read the keys, which stand in the order of `Counters.all`."""
    keys = _COUNTER_KEYS.unpack(data)
    return Counters(
        agency_subject=keys[0],
        agency_prefix=keys[1],
        agency=keys[2],
        officer=keys[3],
        subject=keys[4],
        prefix=keys[5],
        agency_questions=keys[6],
        officer_questions=keys[7],
        quota=keys[8],
        prefix_alert=keys[9],
    )


def _encode_limits(limits: Limits) -> bytes:
    return _LIMIT_VALUES.pack(
        limits.subject,
        limits.prefix,
        limits.agency,
        limits.officer,
        limits.joint_subject,
        limits.joint_prefix,
        limits.quota,
    )


@lru_cache(maxsize=1024)
def _decode_limits(data: bytes) -> Limits:
    """Read limits; there are as many as agreements, so they are kept."""
    values = _LIMIT_VALUES.unpack(data)
    return Limits(
        subject=values[0],
        prefix=values[1],
        agency=values[2],
        officer=values[3],
        joint_subject=values[4],
        joint_prefix=values[5],
        quota=values[6],
    )


def _encode_variant(variant: Variant) -> bytes:
    return _VARIANT.pack(variant.outcome, len(variant.verdicts)) + variant.verdicts + variant.body


def _decode_variant(data: bytes) -> Variant:
    outcome, length = _VARIANT.unpack_from(data)
    end = _VARIANT.size + length
    if len(data) < end:
        raise JournalFormatError("an answer is cut off")
    return Variant(outcome=outcome, verdicts=data[_VARIANT.size : end], body=data[end:])


def encode_intents(intents: Sequence[Intent]) -> bytes:
    """Encode the intents of one call."""
    return canonical.encode_list([encode_intent(intent) for intent in intents])


def decode_intents(data: bytes) -> list[Intent]:
    """Decode the intents of one call.

    Raises:
        JournalFormatError: the bytes are no list of intents.
    """
    return [decode_intent(item) for item in _decode_list(data)]


def encode_settled(settled: Iterable[Settled]) -> bytes:
    """Encode what became of one call's intents."""
    return canonical.encode_list([_encode_one(item) for item in settled])


def decode_settled(data: bytes) -> list[Settled]:
    """Decode what became of one call's intents.

    Raises:
        JournalFormatError: the bytes are not what `encode_settled` writes.
    """
    return [_decode_one(item) for item in _decode_list(data)]


def _encode_one(settled: Settled) -> bytes:
    reason, body = settled.reason.encode(), settled.body
    bits = (_ANSWERED if body is not None else 0) | (_REPLAYED if settled.replayed else 0)
    return _SETTLED.pack(settled.outcome, bits, len(reason)) + reason + (body or b"")


def _decode_one(data: bytes) -> Settled:
    try:
        outcome, bits, length = _SETTLED.unpack_from(data)
        end = _SETTLED.size + length
        answered = bits & _ANSWERED
        if end > len(data) or bits > _ANSWERED | _REPLAYED or (not answered and end < len(data)):
            raise JournalFormatError("an outcome is of another length")
        reason = data[_SETTLED.size : end].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise JournalFormatError("the bytes are no outcome") from error
    return Settled(
        body=data[end:] if answered else None,
        reason=reason,
        outcome=outcome,
        replayed=bool(bits & _REPLAYED),
    )


def encode_failure(error: ServiceError) -> bytes:
    """Encode why a call was not committed: its class, u8, and its message, a text of ours."""
    place = next(
        (place for place, known in enumerate(_FAILURES, 1) if isinstance(error, known)),
        1,  # whatever it is, nothing was committed that anybody knows of
    )
    return bytes((place,)) + str(error).encode()


def decode_failure(data: bytes) -> ServiceError:
    """Decode why a call was not committed.

    Raises:
        JournalFormatError: the bytes are not what `encode_failure` writes.
    """
    if not data or not 1 <= data[0] <= len(_FAILURES):
        raise JournalFormatError("the bytes are no failure")
    try:
        return _FAILURES[data[0] - 1](data[1:].decode())
    except UnicodeDecodeError as error:
        raise JournalFormatError("the bytes are no failure") from error


def _decode_list(data: bytes) -> list[bytes]:
    try:
        return canonical.decode_list(data)
    except CanonicalError as error:
        raise JournalFormatError("the bytes are no list") from error
