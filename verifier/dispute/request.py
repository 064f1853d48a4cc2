"""What an agency may say about disputes: the messages of DisputeService, read and checked."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan import opening, sealing
from padan.v1 import attribute_pb2, dispute_pb2
from padan.vocabulary import MODALITIES
from verifier import validate
from verifier.dispute import contest
from verifier.dispute.case import ID_SIZE, Case
from verifier.errors import InvalidFieldError, InvalidPageTokenError

if TYPE_CHECKING:
    from verifier.dispute.contest import Contest

MAX_PAGE: Final = 1_000
DEFAULT_PAGE: Final = 100
MAX_STATEMENT: Final = 4_096
"""Bytes; the statement of the largest question has some 1,400."""
MAX_DISPUTED: Final = validate.MAX_CLAIMS + len(MODALITIES)
"""A question has so many claims, and captures of so many modalities beside them."""

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OFFICER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_DISPUTE_ID = re.compile(rf"[a-z2-7]{{{ID_SIZE}}}")
_ATTRIBUTES = frozenset(attribute_pb2.Attribute.values()) - {0}
_PLACE_SIZE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An OpenDisputeRequest whose every field is what the contract says.

    Attributes:
        request_id: 16 bytes.
        officer: the agency's pseudonym of the person who disputes.
        contest: the reference, read.
        case: what would be kept.
    """

    request_id: bytes
    officer: str
    contest: Contest
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A ListDisputesRequest, read.

    Attributes:
        size: most disputes to list.
        before: time and id of the dispute after which to go on; None from the newest.
        unresolved: only what is not resolved.
    """

    size: int
    before: tuple[int, str] | None
    unresolved: bool


def order(message: dispute_pb2.OpenDisputeRequest) -> Order:
    """Check what is to be opened.

    Raises:
        InvalidFieldError: names the field and the rule.
    """
    for field, pattern, rule in (
        ("request_id", _REQUEST_ID, "a UUID in lower case with hyphens"),
        ("officer", _OFFICER, "1 to 64 of A-Z a-z 0-9 . _ -"),
        ("key_id", _KEY_ID, "id of a key from GetServiceInfo, purpose dispute"),
    ):
        if not pattern.fullmatch(getattr(message, field)):
            raise InvalidFieldError(rule, field=field)
    claims = _claims(message)
    reference = contest.parse(message.contest, answered_ms=_answered(message))
    if len(message.statement) > MAX_STATEMENT:
        raise InvalidFieldError(f"at most {MAX_STATEMENT} bytes", field="statement")
    if not sealing.OVERHEAD < len(message.box) <= opening.MAX_BOX or message.box[:1] != sealing.FORMAT:
        raise InvalidFieldError("a sealed opening, of docs/formats/dispute.md", field="box")
    case = Case(
        contest=message.contest,
        claims=claims,
        statement=message.statement,
        key_id=message.key_id,
        box=message.box,
    )
    if not case.digest.startswith(reference.tag):
        raise InvalidFieldError("of the question that the reference is about", field="statement")
    return Order(
        request_id=bytes.fromhex(message.request_id.replace("-", "")),
        officer=message.officer,
        contest=reference,
        case=case,
    )


def dispute_id(message: dispute_pb2.GetDisputeRequest) -> str:
    """Check an id.

    Raises:
        InvalidFieldError: malformed.
    """
    if not _DISPUTE_ID.fullmatch(message.dispute_id):
        raise InvalidFieldError(f"{ID_SIZE} of a-z 2-7", field="dispute_id")
    return message.dispute_id


def page(message: dispute_pb2.ListDisputesRequest) -> Page:
    """Check which disputes are wanted.

    Raises:
        InvalidFieldError: more than a page holds.
        InvalidPageTokenError: no token of ours.
    """
    if message.page_size > MAX_PAGE:
        raise InvalidFieldError(f"at most {MAX_PAGE}", field="page_size")
    return Page(
        size=message.page_size or DEFAULT_PAGE,
        before=_place(message.page_token) if message.page_token else None,
        unresolved=message.unresolved,
    )


def page_token(opened_ms: int, last_id: str) -> str:
    """Write where a list goes on; no secret, since whoever makes one lists its own disputes only."""
    return base64.urlsafe_b64encode(opened_ms.to_bytes(_PLACE_SIZE, "big") + last_id.encode()).decode()


def _place(token: str) -> tuple[int, str]:
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        opened_ms, last_id = int.from_bytes(raw[:_PLACE_SIZE], "big"), raw[_PLACE_SIZE:].decode("ascii")
    except (binascii.Error, ValueError):
        opened_ms, last_id = 0, ""
    if not _DISPUTE_ID.fullmatch(last_id) or opened_ms >= 1 << 63:
        raise InvalidPageTokenError("begin again without page_token", field="page_token")
    return opened_ms, last_id


def _claims(message: dispute_pb2.OpenDisputeRequest) -> tuple[int, ...]:
    if not 1 <= len(message.claims) <= MAX_DISPUTED:
        raise InvalidFieldError(f"1 to {MAX_DISPUTED} attributes", field="claims")
    for position, attribute in enumerate(message.claims):
        if attribute not in _ATTRIBUTES:
            raise InvalidFieldError("a known attribute", field=f"claims[{position}]")
    if len({*message.claims}) != len(message.claims):
        raise InvalidFieldError("each attribute at most once", field="claims")
    return tuple(sorted(message.claims))


def _answered(message: dispute_pb2.OpenDisputeRequest) -> int | None:
    if not message.HasField("answered_at"):
        return None
    try:
        answered_ms: int = message.answered_at.ToMilliseconds()
    except ValueError:
        raise InvalidFieldError("a time of the years 1 to 9999", field="answered_at") from None
    return answered_ms
