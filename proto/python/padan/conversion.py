"""A conversion of tokens into another agency's: the calls of both sides, and what they carry.

The agency that hands in sends parts of up to 500 tokens under one job id, and closes the job with the last one. The
other agency collects pages, in an order that has nothing to do with that of the parts, and says when they may go.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, Self

from padan import commitment
from padan.errors import InvalidRequestError
from padan.question import CLIENT_VERSION
from padan.token import SIZE_MAX, Token
from padan.v1 import error_pb2, token_pb2
from padan.value import value
from padan.vocabulary import LegalBasis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONVERT_TOKENS: Final = "/padan.v1.TokenService/ConvertTokens"
COLLECT_CONVERTED: Final = "/padan.v1.TokenService/CollectConverted"
MOST: Final = 500
"""Tokens in a part."""
MOST_PARTS: Final = 30_000
MOST_PAYLOAD: Final = 1_024
"""Bytes of a payload."""
_MESSAGE: Final = 65_536 - 2_048
"""Bytes of a message that its items may fill."""
_AROUND: Final = 12
"""Bytes of the encoding around an item."""


def methods(link: Any) -> tuple[Any, Any]:
    """Give what makes the two calls over a channel, of either client: bytes in, messages out."""
    answers: dict[str, Any] = {
        CONVERT_TOKENS: token_pb2.ConvertTokensResponse,
        COLLECT_CONVERTED: token_pb2.CollectConvertedResponse,
    }
    convert, collect = (
        link.unary_unary(path, request_serializer=None, response_deserializer=answer.FromString)
        for path, answer in answers.items()
    )
    return convert, collect


def fitting(payload: int, token: int = SIZE_MAX) -> int:
    """Say how many tokens of a size, with payloads of a size, fit into a part."""
    return min(MOST, _MESSAGE // (token + payload + _AROUND))


@value
class Carried:
    """A token, and what travels along.

    Attributes:
        token: as it was issued.
        payload: 0 to 1,024 bytes, of one length in a job; sealed to the other agency (padan.payload).
    """

    token: bytes
    payload: bytes = b""

    def __repr__(self) -> str:
        return "Carried(<redacted>)"


@value
class HandIn:
    """A part of a job that is ready to be handed in; handed in again, it changes nothing.

    Attributes:
        job_id: of the job.
        part: its number.
        count: tokens in it.
        body: the message.
    """

    job_id: str
    part: int
    count: int
    body: bytes

    def __repr__(self) -> str:
        return f"HandIn(part {self.part}, {self.count} tokens)"

    @classmethod
    def build(
        cls,
        items: Sequence[Carried],
        *,
        to: str,
        job_id: str,
        part: int,
        last: bool = False,
        purpose: str,
        officer: str,
        legal_basis: LegalBasis | str,
        consent_receipt: str = "",
    ) -> Self:
        """Build a part.

        Args:
            items: at most 500; none where the job is only closed.
            to: the token domain to convert to.
            job_id: a UUID of your own, the same in each part; the other agency needs it to collect.
            part: number of the part, from 1; where the job is only closed, how many parts it has.
            last: no part follows: the job is closed.
            purpose: code of a purpose that names the domain in its conversions, from the agreement.
            officer: the agency's own pseudonym of the person who hands in.
            legal_basis: why the agency may hand tokens on.
            consent_receipt: id of the consent receipt, where the legal basis is consent.

        Raises:
            TokenError: bytes that are no token.
            InvalidRequestError: too many, or payloads of several lengths or too long.
        """
        sizes = {len(item.payload) for item in items}
        if len(items) > MOST or len(sizes) > 1 or max(sizes, default=0) > MOST_PAYLOAD:
            raise InvalidRequestError(
                f"a part has at most {MOST} tokens, with payloads of one length of at most {MOST_PAYLOAD:,} bytes",
                reason="INVALID_FIELD",
            )
        for item in items:
            Token.parse(item.token)
        message = token_pb2.ConvertTokensRequest(
            circumstances=_circumstances(job_id, purpose, officer, legal_basis, consent_receipt),
            domain=to,
            part=part,
            items=[token_pb2.ConvertItem(token=item.token, payload=item.payload) for item in items],
            last=last,
        )
        return cls(job_id=job_id, part=part, count=len(items), body=message.SerializeToString())


@value
class HandedIn:
    """What became of a part.

    Attributes:
        taken: its tokens that were taken, or those of the whole job where it is closed.
        refused: why, by place: TOKEN_REFUSED or TOKEN_OUTDATED.
        closed: the job is closed.
    """

    taken: int
    refused: Mapping[int, str]
    closed: bool


def read_handed_in(answer: token_pb2.ConvertTokensResponse) -> HandedIn:
    """Read an answer."""
    refused = {
        fault.place: error_pb2.ErrorReason.Name(fault.reason).removeprefix("ERROR_REASON_")
        for fault in answer.faults
    }
    return HandedIn(taken=answer.taken, refused=refused, closed=answer.closed)


@value
class Collect:
    """A call that asks for a page, or that all be deleted.

    Attributes:
        job_id: of the job.
        body: the message.
    """

    job_id: str
    body: bytes

    @classmethod
    def build(
        cls,
        job_id: str,
        *,
        purpose: str,
        officer: str,
        legal_basis: LegalBasis | str,
        consent_receipt: str = "",
        after: bytes = b"",
        delete: bool = False,
    ) -> Self:
        """Build a call.

        Args:
            job_id: of the job, from the agency that handed it in.
            purpose: code of a purpose that names the other domain in converted_from, from the agreement.
            officer: the agency's own pseudonym of the person who collects.
            legal_basis: why the agency may have the tokens.
            consent_receipt: id of the consent receipt, where the legal basis is consent.
            after: what the page before named as next; empty for the first one.
            delete: delete what was converted, once all is safe; repeat it while the answer names a next page.
        """
        said = _circumstances(str(uuid.uuid4()), purpose, officer, legal_basis, consent_receipt)
        message = token_pb2.CollectConvertedRequest(
            circumstances=said, job_id=job_id, after=after, delete=delete
        )
        return cls(job_id=job_id, body=message.SerializeToString())


@value
class Page:
    """Some of what was converted.

    Attributes:
        items: tokens of the caller's domain, with their payloads.
        next: where the next page begins; empty after the last one.
        handed_in: tokens that were handed in for the whole job.
    """

    items: tuple[Carried, ...]
    next: bytes
    handed_in: int

    def __repr__(self) -> str:
        return f"Page({len(self.items)} tokens)"


def read_page(answer: token_pb2.CollectConvertedResponse) -> Page:
    """Read an answer."""
    items = tuple(Carried(token=item.token, payload=item.payload) for item in answer.items)
    return Page(items=items, next=answer.next, handed_in=answer.handed_in)


def _circumstances(
    request_id: str, purpose: str, officer: str, legal_basis: LegalBasis | str, consent_receipt: str
) -> token_pb2.Circumstances:
    return token_pb2.Circumstances(
        request_id=request_id,
        blind=commitment.new_blind(),
        purpose=purpose,
        officer=officer,
        legal_basis=int(LegalBasis.of(legal_basis)),  # type: ignore[arg-type]  # the same numbers, another type
        consent_receipt=consent_receipt,
        client_version=CLIENT_VERSION,
    )
