"""Enrolment sets as the agency uses them: calls that are ready to be made, and what comes of them.

A call that is built once and sent again is the same call. Enrolling and withdrawing again changes nothing more, and a
question again gets the stored answer.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import TYPE_CHECKING, Final, Self

from padan import commitment
from padan.errors import InternalError, InvalidRequestError
from padan.question import CLIENT_VERSION
from padan.v1 import error_pb2, token_pb2
from padan.value import value
from padan.vocabulary import LegalBasis, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SERVICE: Final = "/padan.v1.TokenService/"
ENROL: Final = f"{_SERVICE}Enrol"
WITHDRAW: Final = f"{_SERVICE}Withdraw"
CHECK_ENROLMENT: Final = f"{_SERVICE}CheckEnrolment"
STREAM_CHECK_ENROLMENT: Final = f"{_SERVICE}StreamCheckEnrolment"
LIST_QUESTIONS: Final = f"{_SERVICE}ListEnrolmentQuestions"
MOST: Final = 500
"""Residents in a call."""
LEAST_COUNTED: Final = 100
"""Different tokens of a message that is answered with a count."""
MOST_BYTES: Final = 65_536
"""Of a message: with long names of domains, fewer residents fit."""


@value
class Said:
    """Who asks, and why; the same for all calls about enrolments.

    Attributes:
        purpose: code of a purpose with a token domain, from the agreement.
        officer: the agency's own pseudonym of the person who acts.
        legal_basis: why the agency may.
        consent_receipt: id of the consent receipt, where the legal basis is consent.
    """

    purpose: str
    officer: str
    legal_basis: LegalBasis | str
    consent_receipt: str = ""

    def circumstances(self, request_id: str = "") -> token_pb2.Circumstances:
        """Write them for one call, with a blind of its own; by default with a new request_id."""
        return token_pb2.Circumstances(
            request_id=request_id or str(uuid.uuid4()),
            blind=commitment.new_blind(),
            purpose=self.purpose,
            officer=self.officer,
            legal_basis=int(LegalBasis.of(self.legal_basis)),  # type: ignore[arg-type]  # the same numbers, another type
            consent_receipt=self.consent_receipt,
            client_version=CLIENT_VERSION,
        )


@value
class Membership:
    """One resident to be enrolled.

    Attributes:
        token: as bytes.
        first: first day on which it counts, in the registry's zone.
        last: last day; None without an end.
    """

    token: bytes
    first: date
    last: date | None = None

    def __repr__(self) -> str:
        return "Membership(<redacted>)"


@value
class Enrolment:
    """A call that enrols."""

    request_id: str
    body: bytes

    @classmethod
    def build(
        cls, memberships: Sequence[Membership], *, category: str, said: Said, request_id: str = ""
    ) -> Self:
        """Build a call.

        Args:
            memberships: 1 to 500. A resident who is enrolled already has the new days from then on.
            category: the class, from the agreement.
            said: who asks, and why.
            request_id: a UUID of your own; by default a new one.

        Raises:
            InvalidRequestError: none, too many, or more bytes than a message may have.
        """
        circumstances = said.circumstances(request_id)
        message = token_pb2.EnrolRequest(
            circumstances=circumstances,
            category=category,
            enrolments=[
                token_pb2.Enrolment(
                    token=each.token,
                    first_day=each.first.isoformat(),
                    last_day=each.last.isoformat() if each.last else "",
                )
                for each in memberships
            ],
        )
        body = message.SerializeToString()
        _require(len(memberships), body)
        return cls(request_id=circumstances.request_id, body=body)

    def __repr__(self) -> str:
        return f"Enrolment({self.request_id})"


@value
class Withdrawal:
    """A call that ends enrolments."""

    request_id: str
    body: bytes

    @classmethod
    def build(cls, tokens: Sequence[bytes], *, category: str, said: Said, request_id: str = "") -> Self:
        """Build a call; arguments and errors as for `Enrolment.build`, with 1 to 500 tokens."""
        circumstances = said.circumstances(request_id)
        message = token_pb2.WithdrawRequest(circumstances=circumstances, category=category, tokens=tokens)
        body = message.SerializeToString()
        _require(len(tokens), body)
        return cls(request_id=circumstances.request_id, body=body)

    def __repr__(self) -> str:
        return f"Withdrawal({self.request_id})"


@value
class EnrolmentQuestion:
    """A question about one resident; sent again, it is answered and charged once."""

    request_id: str
    body: bytes

    @classmethod
    def build(cls, token: bytes, *, category: str, said: Said, request_id: str = "") -> Self:
        """Build a question.

        Args:
            token: of the resident.
            category: the class, from the agreement.
            said: who asks, and why.
            request_id: a UUID of your own; by default a new one.
        """
        circumstances = said.circumstances(request_id)
        message = token_pb2.CheckEnrolmentRequest(circumstances=circumstances, token=token, category=category)
        return cls(request_id=circumstances.request_id, body=message.SerializeToString())

    def digest(self, agency: str) -> bytes:
        """Compute the request digest that the receipt and the log carry, 32 bytes."""
        message = token_pb2.CheckEnrolmentRequest.FromString(self.body)
        return commitment.enrolment_digest(
            message.circumstances, token=message.token, category=message.category, agency=agency
        )

    def __repr__(self) -> str:
        return f"EnrolmentQuestion({self.request_id})"


@value
class EnrolmentList:
    """A question about a list of residents; sent again, it is answered and charged once.

    Attributes:
        request_id: of the message.
        size: how many tokens it has.
        body: the message.
    """

    request_id: str
    size: int
    body: bytes

    @classmethod
    def build(
        cls, tokens: Sequence[bytes], *, category: str, said: Said, request_id: str = "", blind: bytes = b""
    ) -> Self:
        """Build a question.

        Args:
            tokens: 1 to 500; where the agreements grant counts, 100 different ones at least.
            category: the class, from the agreement.
            said: who asks, and why.
            request_id: a UUID of your own; by default a new one.
            blind: 32 random bytes of your own, the same ones for the same request_id; by default new ones.

        Raises:
            InvalidRequestError: none, too many, or more bytes than a message may have.
        """
        circumstances = said.circumstances(request_id)
        if blind:
            commitment.check_blind(blind)
            circumstances.blind = blind
        message = token_pb2.StreamCheckEnrolmentRequest(
            circumstances=circumstances, tokens=tokens, category=category
        )
        body = message.SerializeToString()
        _require(len(tokens), body)
        return cls(request_id=circumstances.request_id, size=len(tokens), body=body)

    def __repr__(self) -> str:
        return f"EnrolmentList({self.request_id})"


@value
class EnrolmentListAnswer:
    """What the service says about a list.

    Attributes:
        request_id: of the message.
        verdicts: where the agreements grant rows: one for each token, None where it was refused; else empty.
        enrolled: where they grant counts: how many are enrolled, with noise; None where there are verdicts.
        residents: who were asked about.
        refused: why tokens were refused, by place.
    """

    request_id: str
    verdicts: tuple[Verdict | None, ...]
    enrolled: int | None
    residents: int
    refused: Mapping[int, str]


@value
class EnrolmentAnswer:
    """What the service says about one resident.

    Attributes:
        request_id: of the question.
        outcome: MATCH: enrolled today. NO_MATCH: not. NOT_AVAILABLE and BLOCKED say nothing.
        contest: names this answer in the log; the registry finds by it with whom an enrolment is disputed.
        receipt: the signed receipt, a JWS; empty where the service gives none.
    """

    request_id: str
    outcome: Verdict
    contest: str
    receipt: str

    @property
    def enrolled(self) -> bool:
        """Whether the resident is enrolled today."""
        return self.outcome is Verdict.MATCH


@value
class QuestionCount:
    """How often one agency asked, on one day, for one purpose.

    Attributes:
        day: in the registry's zone.
        category: the class.
        agency: id of the agency that asked.
        purpose: code of its purpose.
        questions: residents asked about; one who was asked about twice counts twice.
    """

    day: date
    category: str
    agency: str
    purpose: str
    questions: int


def questions_body(
    *, said: Said, category: str = "", first: date | None = None, last: date | None = None
) -> bytes:
    """Build the call that asks who asked; arguments as for `padan.Client.enrolment_questions`."""
    message = token_pb2.ListEnrolmentQuestionsRequest(
        circumstances=said.circumstances(),
        category=category,
        first_day=first.isoformat() if first else "",
        last_day=last.isoformat() if last else "",
    )
    return message.SerializeToString()


def read_faults(faults: Iterable[token_pb2.TokenFault]) -> Mapping[int, str]:
    """Say why residents of a call were refused, by place: TOKEN_REFUSED, TOKEN_OUTDATED or INVALID_FIELD."""
    return {
        fault.place: error_pb2.ErrorReason.Name(fault.reason).removeprefix("ERROR_REASON_")
        for fault in faults
    }


def read_answer(response: token_pb2.CheckEnrolmentResponse, question: EnrolmentQuestion) -> EnrolmentAnswer:
    """Read an answer.

    Raises:
        InternalError: it does not belong to the question.
    """
    if response.request_id != question.request_id:
        raise InternalError("the answer does not belong to the question", reason="WRONG_ANSWER")
    return EnrolmentAnswer(
        request_id=response.request_id,
        outcome=verdict(response.outcome),
        contest=response.contest,
        receipt=response.receipt,
    )


def read_list(
    response: token_pb2.StreamCheckEnrolmentResponse, question: EnrolmentList
) -> EnrolmentListAnswer:
    """Read the answer to a list.

    Raises:
        InternalError: it does not belong to the question.
    """
    size = len(response.verdicts)
    if response.request_id != question.request_id or size not in {0, question.size}:
        raise InternalError("the answer does not belong to the question", reason="WRONG_ANSWER")
    return EnrolmentListAnswer(
        request_id=response.request_id,
        verdicts=tuple(verdict(number) if number else None for number in response.verdicts),
        enrolled=None if size else response.enrolled,
        residents=response.residents,
        refused=read_faults(response.faults),
    )


def read_questions(response: token_pb2.ListEnrolmentQuestionsResponse) -> tuple[QuestionCount, ...]:
    """Read who asked, by day, class, agency and purpose."""
    return tuple(
        QuestionCount(
            day=date.fromisoformat(each.day),
            category=each.category,
            agency=each.agency,
            purpose=each.purpose,
            questions=each.questions,
        )
        for each in response.questions
    )


def _require(count: int, body: bytes) -> None:
    if not 1 <= count <= MOST:
        raise InvalidRequestError(f"1 to {MOST} residents go into a call", reason="INVALID_FIELD")
    if len(body) > MOST_BYTES:
        raise InvalidRequestError(
            f"the call has {len(body):,} bytes, and a message may have {MOST_BYTES:,}",
            reason="TOO_LARGE",
            next_step="send fewer residents in a call",
        )
