"""Step 2: is the message one that this version understands, and is every field what the contract says?

Refuses unknown fields, so that a client that believes to have said more than was read learns it. What a claim's
value must look like is the tokenizer's to say, once the agreement has told which codes the agency speaks.
Errors name the field and the rule, never the value.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError

from padan import commitment, nik
from padan.errors import InvalidRequestError, NikError
from padan.rules import MODALITY_RULE
from padan.unknown import has_unknown
from padan.v1 import attribute_pb2, verification_pb2
from padan.value import value
from padan.vocabulary import MODALITIES
from verifier.errors import InvalidFieldError, MalformedMessageError, TooLateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from google.protobuf import timestamp_pb2
    from google.protobuf.message import Message

    from padan.v1 import biometric_pb2, token_pb2

MAX_REQUEST_BYTES = 65_536
MAX_CLAIMS = 24
MAX_CLAIM_BYTES = 400

# The bounds of google.protobuf.Timestamp, which protobuf itself does not hold.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
_SECOND = 1_000_000_000  # nanoseconds

_Request = TypeVar("_Request", bound="Message")
_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PURPOSE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_OFFICER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_AGENCY = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_CONSENT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CLIENT = re.compile(r"[A-Za-z0-9./ _-]{0,64}")
_ATTRIBUTES = frozenset(attribute_pb2.Attribute.values()) - {0}
_LEGAL_BASES = frozenset(attribute_pb2.LegalBasis.values()) - {0}


@value
class ValidRequest:
    """A VerifyRequest whose every field is what the contract says.

    Attributes:
        nik: the subject's number; None where a token names it.
        attributes: what is claimed, in the order of the request, and after it what is captured.
        values: the claimed values, as typed, in the same order; what is captured has none.
        probes: what is captured; `verifier.biometric` alone takes some.
    """

    message: verification_pb2.VerifyRequest
    request_id: bytes
    nik: nik.Nik | None
    attributes: tuple[int, ...]
    values: tuple[str, ...]
    probes: tuple[biometric_pb2.Probe, ...] = ()

    def __repr__(self) -> str:
        return "ValidRequest(<redacted>)"


def parse(raw: bytes) -> verification_pb2.VerifyRequest:
    """Decode a VerifyRequest.

    Raises:
        MalformedMessageError: no such message, invalid UTF-8, or a field that this version does not know.
    """
    try:
        message = verification_pb2.VerifyRequest.FromString(raw)
    except DecodeError:
        raise MalformedMessageError("the bytes are no VerifyRequest") from None
    # A message whose known fields fill exactly its bytes has no others; only one that does not is searched.
    message.DiscardUnknownFields()
    if message.ByteSize() != len(raw):
        refuse_unknown(verification_pb2.VerifyRequest.FromString(raw))
    return message


def decode(kind: type[_Request], raw: bytes) -> _Request:
    """Decode a message.

    Raises:
        MalformedMessageError: no such message, or a field that this version does not know.
    """
    try:
        message = kind.FromString(raw)
    except DecodeError:
        raise MalformedMessageError(f"the bytes are no {kind.DESCRIPTOR.name}") from None
    refuse_unknown(message)
    return message


def refuse_unknown(message: Message) -> None:
    """Refuse a message that has a field this version does not know, at any depth.

    Raises:
        MalformedMessageError: it has one.
    """
    if has_unknown(message):
        raise MalformedMessageError("the message has a field that this version does not know")


def validate(
    message: verification_pb2.VerifyRequest, *, today: date, now: float, least: int = 1
) -> ValidRequest:
    """Check every field.

    Args:
        message: the request.
        today: no birth date in a NIK may be later.
        now: seconds of the Unix epoch, for not_after.
        least: claims that there must be; beside probes there need be none.

    Raises:
        InvalidFieldError: names the field and the rule.
        TooLateError: not_after has passed.
    """
    request_id = circumstances(message, now=now, on_behalf_of=message.on_behalf_of)
    subject = _subject(message, today)
    attributes, values = _claims(message.claims, least)
    return ValidRequest(
        message=message,
        request_id=request_id,
        nik=subject,
        attributes=attributes,
        values=values,
    )


def circumstances(
    message: verification_pb2.VerifyRequest | token_pb2.Circumstances, *, now: float, on_behalf_of: str = ""
) -> bytes:
    """Check who asks and why, which every question says in the same fields; gives the request_id, 16 bytes.

    Args:
        message: holds the fields.
        now: seconds of the Unix epoch, for not_after.
        on_behalf_of: the agency for which a reseller asks.

    Raises:
        InvalidFieldError: names the field and the rule.
        TooLateError: not_after has passed.
    """
    if not _REQUEST_ID.fullmatch(message.request_id):
        raise InvalidFieldError("a UUID in lower case with hyphens", field="request_id")
    try:
        commitment.check_blind(message.blind)
    except InvalidRequestError as error:
        raise InvalidFieldError(error.fields[0].rule, field="blind") from None
    _check_caller(message.purpose, message.officer, on_behalf_of, message.client_version)
    if message.legal_basis not in _LEGAL_BASES:
        raise InvalidFieldError("one of the six legal bases", field="legal_basis")
    if message.consent_receipt:
        _match(_CONSENT, message.consent_receipt, "consent_receipt", "1 to 64 of A-Z a-z 0-9 . _ : -")
    if message.HasField("not_after"):
        _not_after(message.not_after, now)
    return bytes.fromhex(message.request_id.replace("-", ""))


@lru_cache(maxsize=4096)
def _check_caller(purpose: str, officer: str, on_behalf_of: str, client_version: str) -> None:
    """Check what a caller's requests have in common; what passed once is not looked at again."""
    _match(_PURPOSE, purpose, "purpose", "1 to 64 of a-z 0-9 _ -, beginning with a letter")
    _match(_OFFICER, officer, "officer", "1 to 64 of A-Z a-z 0-9 . _ -")
    if on_behalf_of:
        _match(_AGENCY, on_behalf_of, "on_behalf_of", "the id of an agency")
    _match(_CLIENT, client_version, "client_version", "at most 64 of A-Z a-z 0-9 . / space _ -")


def _not_after(moment: timestamp_pb2.Timestamp, now: float) -> None:
    if not (_FIRST_SECOND <= moment.seconds <= _LAST_SECOND and 0 <= moment.nanos < _SECOND):
        raise InvalidFieldError("a time of the years 1 to 9999", field="not_after")
    if moment.seconds < now:
        raise TooLateError("not_after has passed", field="not_after")


def _match(pattern: re.Pattern[str], text: str, field: str, rule: str) -> None:
    if not pattern.fullmatch(text):
        raise InvalidFieldError(rule, field=field)


def _subject(message: verification_pb2.VerifyRequest, today: date) -> nik.Nik | None:
    kind = message.WhichOneof("subject")
    if kind is None:
        raise InvalidFieldError("one of nik and subject_token", field="subject")
    if kind == "subject_token":
        return None
    try:
        return nik.parse(message.nik, today)
    except NikError as error:
        raise InvalidFieldError(str(error), field="nik") from None


def _claims(claims: Sequence[verification_pb2.Claim], least: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if not least <= len(claims) <= MAX_CLAIMS:
        raise InvalidFieldError(f"{least} to {MAX_CLAIMS} claims", field="claims")
    attributes: list[int] = []
    values: list[str] = []
    for claim in claims:
        attribute, text = claim.attribute, claim.value
        if attribute not in _ATTRIBUTES:
            raise InvalidFieldError("a known attribute", field=f"claims[{len(values)}].attribute")
        if attribute in MODALITIES:
            raise InvalidFieldError(MODALITY_RULE, field=f"claims[{len(values)}].attribute")
        if attribute in attributes:
            raise InvalidFieldError("each attribute at most once", field=f"claims[{len(values)}].attribute")
        if not text:
            raise InvalidFieldError("not empty", field=f"claims[{len(values)}].value")
        # A character takes at most four bytes of UTF-8: most values need not be encoded to be measured.
        if len(text) * 4 > MAX_CLAIM_BYTES and len(text.encode()) > MAX_CLAIM_BYTES:
            raise InvalidFieldError(
                f"at most {MAX_CLAIM_BYTES} bytes of UTF-8", field=f"claims[{len(values)}].value"
            )
        attributes.append(attribute)
        values.append(text)
    return tuple(attributes), tuple(values)
