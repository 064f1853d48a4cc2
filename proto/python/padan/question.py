"""A question as the agency asks it: built once, checked before it is sent, the same bytes on every attempt.

Guarantees: `Question.body` never changes, so a retry has the same request_id and the same blind and is answered once
and charged once. A question holds a NIK and claims: its repr is redacted and it refuses pickling; `body` hands it out.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from padan import commitment, rules
from padan.errors import InvalidRequestError, Violation
from padan.nik import Nik
from padan.v1 import verification_pb2
from padan.version import VERSION
from padan.vocabulary import Attribute, LegalBasis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from padan.capture import Capture

Claims: TypeAlias = "Mapping[Attribute, str] | Mapping[str, str]"
"""Attribute to what the resident has said, as typed."""

CLIENT_VERSION = f"padan-python/{VERSION} grpcio/{grpc.__version__}"[:64]


class Question:
    """A checked VerifyRequest.

    Attributes:
        request_id: the UUID under which it is asked.
        attributes: what is claimed, in order.
        body: the bytes of the message. They hold the NIK, the claims and the blind: keep them as you keep those,
            if a receipt is to be proven later.
    """

    __slots__ = ("attributes", "body", "request_id")

    request_id: str
    attributes: tuple[int, ...]
    body: bytes

    def __init__(
        self,
        message: verification_pb2.VerifyRequest,
        *,
        today: date | None = None,
        beside_captures: bool = False,
    ) -> None:
        """Check a message and take its bytes; beside captures it may claim nothing.

        Raises:
            InvalidRequestError: the service would refuse it; names fields and rules.
        """
        rules.check(message, today or datetime.now(tz=UTC).date(), least=0 if beside_captures else 1)
        self.request_id = message.request_id
        self.attributes = tuple(claim.attribute for claim in message.claims)
        self.body = message.SerializeToString(deterministic=True)

    @classmethod
    def build(
        cls,
        *,
        claims: Claims,
        purpose: str,
        officer: str,
        legal_basis: LegalBasis | str,
        nik: str | Nik = "",
        subject_token: bytes = b"",
        consent_receipt: str = "",
        on_behalf_of: str = "",
        not_after: datetime | None = None,
        issue_token: bool = False,
        request_id: str = "",
        blind: bytes = b"",
        today: date | None = None,
        beside_captures: bool = False,
    ) -> Question:
        """Build a question.

        Args:
            claims: attribute to what the resident has said, as typed; the service normalises.
            purpose: code of the purpose, from the agreement.
            officer: the agency's own pseudonym of the person who asks.
            legal_basis: why the agency may ask.
            nik: the resident's number; or else `subject_token`.
            subject_token: a token that the service issued.
            consent_receipt: id of the consent receipt, where the legal basis is consent.
            on_behalf_of: id of the agency for which a reseller asks.
            not_after: the service refuses the question after this time; must have a time zone.
            issue_token: ask for a token to keep instead of the number.
            request_id: a UUID of your own; by default a new one.
            blind: 32 random bytes of your own; by default new ones.
            today: the day up to which a birth date in a NIK is possible; by default the day of the clock, UTC.
            beside_captures: it will be asked with captures (`padan.Client.verify_biometric`), and may claim nothing.

        Raises:
            InvalidRequestError: names fields and rules, never values.
        """
        if nik and subject_token:
            raise InvalidRequestError("give nik or subject_token, not both", reason="INVALID_FIELD")
        subject: dict[str, Any] = (
            {"subject_token": subject_token}
            if subject_token
            else {"nik": nik.value if isinstance(nik, Nik) else nik}
        )
        words = [(int(Attribute.of(attribute)), value) for attribute, value in claims.items()]
        try:
            message = verification_pb2.VerifyRequest(
                request_id=request_id or str(uuid.uuid4()),
                blind=blind or commitment.new_blind(),
                purpose=purpose,
                officer=officer,
                on_behalf_of=on_behalf_of,
                claims=[verification_pb2.Claim(attribute=number, value=value) for number, value in words],  # type: ignore[arg-type]  # the same numbers, another type
                legal_basis=int(LegalBasis.of(legal_basis)),  # type: ignore[arg-type]  # as above
                consent_receipt=consent_receipt,
                issue_token=issue_token,
                client_version=CLIENT_VERSION,
                **subject,
            )
        except UnicodeEncodeError:
            raise InvalidRequestError("a text is not valid Unicode", reason="INVALID_FIELD") from None
        if not_after is not None:
            message.not_after.FromDatetime(not_after)
        return cls(message, today=today, beside_captures=beside_captures)

    @classmethod
    def from_body(cls, body: bytes) -> Question:
        """Read a question back from the bytes of `body`.

        Raises:
            InvalidRequestError: not such bytes.
        """
        try:
            message = verification_pb2.VerifyRequest.FromString(body)
        except DecodeError:
            raise InvalidRequestError("the bytes are no VerifyRequest", reason="MALFORMED_MESSAGE") from None
        return cls(message, beside_captures=not message.claims)

    def require_claims(self) -> None:
        """See that there is something to ask without captures.

        Raises:
            InvalidRequestError: it claims nothing.
        """
        if not self.attributes:
            rule = f"1 to {rules.MAX_CLAIMS} claims"
            raise InvalidRequestError(
                "the question claims nothing; ask it with captures, by verify_biometric",
                reason="INVALID_FIELD",
                fields=(Violation(field="claims", rule=rule),),
            )

    def digest(self, agency: str, captures: Iterable[Capture] = ()) -> bytes:
        """Compute the request digest that log and receipt carry, 32 bytes.

        Args:
            agency: id of the agency that asked, from its certificate.
            captures: those that it was asked with.
        """
        message = verification_pb2.VerifyRequest.FromString(self.body)
        captured = [(int(each.modality), each.template) for each in captures]
        return commitment.request_digest(message, agency, captured)

    def __repr__(self) -> str:
        return f"Question(request_id={self.request_id!r}, <redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Question is not pickled; keep its body on purpose")
