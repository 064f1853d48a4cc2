"""The rules that a request's fields obey; the client checks them before it sends anything.

Guarantees: `violations` finds what the service would refuse as INVALID_FIELD without knowing the agreement, in the
service's own words (a test holds the two together), and never repeats a value. Besides it asks for the consent
receipt where the legal basis is consent, which the service would refuse later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from padan import commitment, nik
from padan.errors import InvalidRequestError, NikError, Violation
from padan.vocabulary import MODALITIES, Attribute, LegalBasis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from padan.v1 import verification_pb2

MAX_CLAIMS = 24
MAX_CLAIM_BYTES = 400

# The bounds of google.protobuf.Timestamp, which protobuf itself does not hold.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
_SECOND = 1_000_000_000  # nanoseconds

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PURPOSE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_OFFICER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_AGENCY = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_CONSENT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CLIENT = re.compile(r"[A-Za-z0-9./ _-]{0,64}")
_ATTRIBUTES = frozenset(map(int, Attribute))
MODALITY_RULE = "a thing that is said; a face, a finger or an iris comes as a probe of VerifyBiometric"
_LEGAL_BASES = frozenset(map(int, LegalBasis))

_Shape = tuple[str, re.Pattern[str], str]
_REQUIRED: tuple[_Shape, ...] = (
    ("request_id", _UUID, "a UUID in lower case with hyphens"),
    ("purpose", _PURPOSE, "1 to 64 of a-z 0-9 _ -, beginning with a letter"),
    ("officer", _OFFICER, "1 to 64 of A-Z a-z 0-9 . _ -"),
)
_OPTIONAL: tuple[_Shape, ...] = (
    ("on_behalf_of", _AGENCY, "the id of an agency"),
    ("consent_receipt", _CONSENT, "1 to 64 of A-Z a-z 0-9 . _ : -"),
    ("client_version", _CLIENT, "at most 64 of A-Z a-z 0-9 . / space _ -"),
)


def check(request: verification_pb2.VerifyRequest, today: date, *, least: int = 1) -> None:
    """Refuse a request that the service would refuse.

    Args:
        request: the message.
        today: a birth date in a NIK after this day is refused.
        least: claims that there must be; beside probes there need be none.

    Raises:
        InvalidRequestError: with every violation.
    """
    found = tuple(violations(request, today, least=least))
    if found:
        raise InvalidRequestError("the request is malformed", reason="INVALID_FIELD", fields=found)


def violations(
    request: verification_pb2.VerifyRequest, today: date, *, least: int = 1
) -> Iterator[Violation]:
    """Find everything that is wrong; arguments as for `check`."""
    claims = _claims(request, least)
    for field, rule in (*_texts(request), *_choices(request), *_subject(request, today), *claims):
        yield Violation(field=field, rule=rule)


def _texts(request: verification_pb2.VerifyRequest) -> Iterator[tuple[str, str]]:
    for field, shape, rule in _REQUIRED:
        if not shape.fullmatch(getattr(request, field)):
            yield field, rule
    for field, shape, rule in _OPTIONAL:
        value = getattr(request, field)
        if value and not shape.fullmatch(value):
            yield field, rule


def _choices(request: verification_pb2.VerifyRequest) -> Iterator[tuple[str, str]]:
    try:
        commitment.check_blind(request.blind)
    except InvalidRequestError as error:
        yield "blind", error.fields[0].rule
    if request.legal_basis not in _LEGAL_BASES:
        yield "legal_basis", "one of the six legal bases"
    moment = request.not_after
    if not (_FIRST_SECOND <= moment.seconds <= _LAST_SECOND and 0 <= moment.nanos < _SECOND):
        yield "not_after", "a time of the years 1 to 9999"
    if int(request.legal_basis) == LegalBasis.CONSENT and not request.consent_receipt:
        yield "consent_receipt", "given where the legal basis is consent"


def _subject(request: verification_pb2.VerifyRequest, today: date) -> Iterator[tuple[str, str]]:
    kind = request.WhichOneof("subject")
    if kind is None:
        yield "subject", "one of nik and subject_token"
    elif kind == "nik":
        try:
            nik.parse(request.nik, today)
        except NikError as error:
            yield "nik", str(error)


def _claims(request: verification_pb2.VerifyRequest, least: int) -> Iterator[tuple[str, str]]:
    if not least <= len(request.claims) <= MAX_CLAIMS:
        yield "claims", f"{least} to {MAX_CLAIMS} claims"
    seen: set[int] = set()
    for position, claim in enumerate(request.claims):
        if claim.attribute not in _ATTRIBUTES:
            yield f"claims[{position}].attribute", "a known attribute"
        elif claim.attribute in MODALITIES:
            yield f"claims[{position}].attribute", MODALITY_RULE
        elif claim.attribute in seen:
            yield f"claims[{position}].attribute", "each attribute at most once"
        seen.add(claim.attribute)
        if not claim.value:
            yield f"claims[{position}].value", "not empty"
        elif len(claim.value.encode()) > MAX_CLAIM_BYTES:
            yield f"claims[{position}].value", f"at most {MAX_CLAIM_BYTES} bytes of UTF-8"
