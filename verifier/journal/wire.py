"""The bytes of an intent and of what became of it, between the processes of one host (docs/formats/journal.md).

There is exactly one encoding of each value: whatever decodes would be encoded to the same bytes again. Texts are UTF-8,
integers big-endian, fields canonical (padan.canonical). An intent carries no NIK, claim value or key; what it does
carry, two ready answers and the names of counters, stays on the host.
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
from verifier.log.store import REQUEST_ID_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIGEST_SIZE = 32

_CORE, _AGENCY, _OFFICER, _PURPOSE, _HEAD = range(1, 6)
_CHARGE, _COUNTERS, _LIMITS, _RELEASED, _BLOCKED, _RECEIPT = range(6, 12)
_OPENING = 12
_REFUSED_FIELDS = list(range(_CORE, _HEAD + 1))
_QUESTION_FIELDS = list(range(_CORE, _RECEIPT + 1))
_DISPUTE_FIELDS = [*_REFUSED_FIELDS, _OPENING]
_BODY, _REASON, _OUTCOME, _REPLAYED = range(1, 5)
_ANSWERED_FIELDS = [_BODY, _REASON, _OUTCOME, _REPLAYED]

_CORE_VALUES = struct.Struct(f">Hd{SALT_SIZE}s")
_CHARGE_VALUES = struct.Struct(f">{REQUEST_ID_SIZE}s{DIGEST_SIZE}sII")
_COUNTER_KEYS = struct.Struct(f">{KEY_SIZE}s" + f"{KEY_SIZE}s" * 9)
_LIMIT_VALUES = struct.Struct(">7Q")
_VARIANT = struct.Struct(">BH")
_OPENING_VALUES = struct.Struct(f">{ID_SIZE}s{REQUEST_ID_SIZE}s{DIGEST_SIZE}sQII")

_FAILURES: tuple[type[ServiceError], ...] = (LogUnavailableError, ShuttingDownError)
"""What a commit may end with; the number on the wire is the place, from 1."""


class JournalFormatError(LogUnavailableError):
    """The other process speaks otherwise; one of them is of another release."""


def encode_intent(intent: Intent) -> bytes:
    """Encode an intent.

    Raises:
        JournalFormatError: its question is kept for another agency than the intent's.
    """
    fields = {
        _CORE: _CORE_VALUES.pack(intent.kind, intent.ready_at, intent.salt),
        _AGENCY: intent.agency.encode(),
        _OFFICER: intent.officer.encode(),
        _PURPOSE: intent.purpose.encode(),
        _HEAD: intent.head,
    }
    question = intent.question
    if question is not None:
        agency, request_id = question.replay
        if agency != intent.agency:
            raise JournalFormatError("a question is kept for the agency that asks")
        fields[_CHARGE] = _CHARGE_VALUES.pack(
            request_id, question.digest, question.cost_bound, question.units
        )
        fields[_COUNTERS] = b"".join(question.counters.all())
        fields[_LIMITS] = _encode_limits(question.limits)
        fields[_RELEASED] = _encode_variant(question.released)
        fields[_BLOCKED] = _encode_variant(question.blocked)
        fields[_RECEIPT] = question.receipt
    if intent.opening is not None:
        fields[_OPENING] = _encode_opening(intent.opening)
    return canonical.encode(fields)


def decode_intent(data: bytes) -> Intent:
    """Decode an intent.

    Raises:
        JournalFormatError: the bytes are not what `encode_intent` writes.
    """
    try:
        fields = canonical.decode(data)
        if list(fields) not in (_REFUSED_FIELDS, _QUESTION_FIELDS, _DISPUTE_FIELDS):
            raise JournalFormatError("an intent has other fields")
        kind, ready_at, salt = _CORE_VALUES.unpack(fields[_CORE])
        agency = fields[_AGENCY].decode()
        return Intent(
            kind=kind,
            agency=agency,
            officer=fields[_OFFICER].decode(),
            purpose=fields[_PURPOSE].decode(),
            head=fields[_HEAD],
            salt=salt,
            ready_at=ready_at,
            question=_decode_question(agency, fields) if _CHARGE in fields else None,
            opening=_decode_opening(fields[_OPENING]) if _OPENING in fields else None,
        )
    except (CanonicalError, struct.error, UnicodeDecodeError) as error:
        raise JournalFormatError("the bytes are no intent") from error


def _decode_question(agency: str, fields: dict[int, bytes]) -> Question:
    request_id, digest, cost_bound, units = _CHARGE_VALUES.unpack(fields[_CHARGE])
    return Question(
        replay=(agency, request_id),
        digest=digest,
        counters=_decode_counters(fields[_COUNTERS]),
        limits=_decode_limits(fields[_LIMITS]),
        cost_bound=cost_bound,
        units=units,
        released=_decode_variant(fields[_RELEASED]),
        blocked=_decode_variant(fields[_BLOCKED]),
        receipt=fields[_RECEIPT],
    )


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
    fields = {
        _REASON: settled.reason.encode(),
        _OUTCOME: bytes((settled.outcome,)),
        _REPLAYED: bytes((settled.replayed,)),
    }
    if settled.body is not None:
        fields[_BODY] = settled.body
    return canonical.encode(fields)


def _decode_one(data: bytes) -> Settled:
    try:
        fields = canonical.decode(data)
        if list(fields) not in (_ANSWERED_FIELDS, _ANSWERED_FIELDS[1:]):
            raise JournalFormatError("an outcome has other fields")
        (outcome,), (replayed,) = fields[_OUTCOME], fields[_REPLAYED]
        reason = fields[_REASON].decode()
    except (CanonicalError, ValueError) as error:
        raise JournalFormatError("the bytes are no outcome") from error
    if replayed > 1:
        raise JournalFormatError("the bytes are no outcome")
    return Settled(body=fields.get(_BODY), reason=reason, outcome=outcome, replayed=bool(replayed))


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
