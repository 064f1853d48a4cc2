"""The bytes of an intent and of what became of it, between the processes of one host (docs/formats/journal.md).

There is exactly one encoding of each value: whatever decodes would be encoded to the same bytes again. Texts are UTF-8,
integers big-endian, fields canonical (padan.canonical). An intent carries no NIK, claim value or key; what it does
carry, two ready answers and the names of counters, stays on the host.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from padan import canonical
from padan.canonical import CanonicalError
from padan.entry import SALT_SIZE
from verifier.budget import KEY_SIZE, Counters, Limits
from verifier.errors import LogUnavailableError, ServiceError, ShuttingDownError
from verifier.intent import Intent, Question, Settled, Variant
from verifier.log.store import REQUEST_ID_SIZE, decode_replay_key, encode_replay_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIGEST_SIZE = 32

_KIND, _AGENCY, _OFFICER, _PURPOSE, _HEAD, _SALT, _READY_AT = range(1, 8)
_REPLAY, _DIGEST, _COUNTERS, _LIMITS, _UNITS, _RELEASED, _BLOCKED, _RECEIPT = range(8, 16)
_REFUSED_FIELDS = list(range(_KIND, _READY_AT + 1))
_QUESTION_FIELDS = list(range(_KIND, _RECEIPT + 1))
_BODY, _REASON, _OUTCOME, _REPLAYED = range(1, 5)
_ANSWERED_FIELDS = [_BODY, _REASON, _OUTCOME, _REPLAYED]

_U16 = struct.Struct(">H")
_SECONDS = struct.Struct(">d")
_LIMIT_NAMES = ("subject", "prefix", "agency", "officer", "joint_subject", "joint_prefix", "quota")
_LIMIT_VALUES = struct.Struct(">7Q")
_UNIT_VALUES = struct.Struct(">II")
_VARIANT = struct.Struct(">BH")
_COUNTER_NAMES = (
    *("agency_subject", "agency_prefix", "agency", "officer", "subject", "prefix"),
    *("agency_questions", "officer_questions", "quota", "prefix_alert"),
)

_FAILURES: tuple[type[ServiceError], ...] = (LogUnavailableError, ShuttingDownError)
"""What a commit may end with; the number on the wire is the place, from 1."""


class JournalFormatError(LogUnavailableError):
    """The other process speaks otherwise; one of them is of another release."""


def encode_intent(intent: Intent) -> bytes:
    """Encode an intent."""
    fields = {
        _KIND: _U16.pack(intent.kind),
        _AGENCY: intent.agency.encode(),
        _OFFICER: intent.officer.encode(),
        _PURPOSE: intent.purpose.encode(),
        _HEAD: intent.head,
        _SALT: intent.salt,
        _READY_AT: _SECONDS.pack(intent.ready_at),
    }
    question = intent.question
    if question is not None:
        limits = question.limits
        fields[_REPLAY] = encode_replay_key(question.replay)
        fields[_DIGEST] = question.digest
        fields[_COUNTERS] = b"".join(question.counters.all())
        fields[_LIMITS] = _LIMIT_VALUES.pack(
            limits.subject,
            limits.prefix,
            limits.agency,
            limits.officer,
            limits.joint_subject,
            limits.joint_prefix,
            limits.quota,
        )
        fields[_UNITS] = _UNIT_VALUES.pack(question.cost_bound, question.units)
        fields[_RELEASED] = _encode_variant(question.released)
        fields[_BLOCKED] = _encode_variant(question.blocked)
        fields[_RECEIPT] = question.receipt
    return canonical.encode(fields)


def decode_intent(data: bytes) -> Intent:
    """Decode an intent.

    Raises:
        JournalFormatError: the bytes are not what `encode_intent` writes.
    """
    try:
        fields = canonical.decode(data)
        if list(fields) not in (_REFUSED_FIELDS, _QUESTION_FIELDS) or len(fields[_SALT]) != SALT_SIZE:
            raise JournalFormatError("an intent has other fields")
        return Intent(
            kind=_U16.unpack(fields[_KIND])[0],
            agency=fields[_AGENCY].decode(),
            officer=fields[_OFFICER].decode(),
            purpose=fields[_PURPOSE].decode(),
            head=fields[_HEAD],
            salt=fields[_SALT],
            ready_at=_SECONDS.unpack(fields[_READY_AT])[0],
            question=_decode_question(fields) if _REPLAY in fields else None,
        )
    except (CanonicalError, struct.error, UnicodeDecodeError) as error:
        raise JournalFormatError("the bytes are no intent") from error


def _decode_question(fields: dict[int, bytes]) -> Question:
    replay, digest, keys = fields[_REPLAY], fields[_DIGEST], fields[_COUNTERS]
    if (
        len(replay) < REQUEST_ID_SIZE
        or len(digest) != DIGEST_SIZE
        or len(keys) != KEY_SIZE * len(_COUNTER_NAMES)
    ):
        raise JournalFormatError("a question has other sizes")
    cost_bound, units = _UNIT_VALUES.unpack(fields[_UNITS])
    return Question(
        replay=decode_replay_key(replay),
        digest=digest,
        counters=Counters(
            **{
                name: keys[KEY_SIZE * place : KEY_SIZE * (place + 1)]
                for place, name in enumerate(_COUNTER_NAMES)
            }
        ),
        limits=Limits(**dict(zip(_LIMIT_NAMES, _LIMIT_VALUES.unpack(fields[_LIMITS]), strict=True))),
        cost_bound=cost_bound,
        units=units,
        released=_decode_variant(fields[_RELEASED]),
        blocked=_decode_variant(fields[_BLOCKED]),
        receipt=fields[_RECEIPT],
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
