"""A dispute as the agency opens and reads it: which claims of an answer it disputes, and what became of that.

A face, a finger or an iris that was captured is disputed as a claim is, by its attribute.

Guarantees: nothing that is sent says what the registry holds, what the resident has said or what was captured. Whom it
is about goes to the registry's officer in a sealed box; the service gets commitments. A repetition under the same
request_id opens nothing twice.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from padan import remedy
from padan.asked import AskedQuestion
from padan.errors import InternalError, InvalidRequestError, Violation
from padan.extras import sealing_missing
from padan.times import from_timestamp
from padan.v1 import dispute_pb2
from padan.vocabulary import Attribute, DisputeOutcome, DisputeState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from padan.info import ServiceInfo
    from padan.question import Question

OPEN_DISPUTE = "/padan.v1.DisputeService/OpenDispute"
GET_DISPUTE = "/padan.v1.DisputeService/GetDispute"
LIST_DISPUTES = "/padan.v1.DisputeService/ListDisputes"


def methods(link: Any) -> tuple[Any, Any, Any]:
    """Give what makes the three calls over a channel, of either client: bytes in, messages out."""
    answers: dict[str, Any] = {
        OPEN_DISPUTE: dispute_pb2.OpenDisputeResponse,
        GET_DISPUTE: dispute_pb2.GetDisputeResponse,
        LIST_DISPUTES: dispute_pb2.ListDisputesResponse,
    }
    open_, get, list_ = (
        link.unary_unary(path, request_serializer=None, response_deserializer=answer.FromString)
        for path, answer in answers.items()
    )
    return open_, get, list_


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Where a dispute stands."""

    dispute_id: str
    request_id: str
    """The request_id that opened it."""
    contest: str
    """The reference of the answer."""
    claims: tuple[Attribute, ...]
    state: DisputeState
    """A state that this release does not know reads as IN_REVIEW."""
    outcome: DisputeOutcome | None
    """What was decided; None where nothing is, or nothing that this release knows."""
    opened_at: datetime | None
    due_at: datetime | None
    """By when the agreement has it resolved."""
    changed_at: datetime | None
    overdue_at: datetime | None
    """When the log noted that it is overdue; None where it is not."""
    decision: bytes = b""
    """The officer's decision as signed; empty where there is none."""
    signature: bytes = b""
    signer: str = ""
    """Id of the officer's key."""

    @property
    def resolved(self) -> bool:
        """Whether an officer of the registry has decided."""
        return self.state is DisputeState.RESOLVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be opened.

    Attributes:
        asked: the question that was answered; holds the NIK and the claims, and of captures the commitments.
        request_id: the UUID under which it is opened.
    """

    asked: AskedQuestion = field(repr=False)
    request_id: str
    contest: str
    claims: tuple[Attribute, ...]
    officer: str
    answered_at: datetime | None

    @classmethod
    def build(
        cls,
        question: Question | AskedQuestion,
        *,
        contest: str,
        claims: Iterable[Attribute | str],
        officer: str = "",
        request_id: str = "",
        answered_at: datetime | None = None,
    ) -> Self:
        """Build an order; the arguments are those of `padan.Client.open_dispute`.

        Raises:
            InvalidRequestError: no claim is named, or one that the question does not have.
        """
        asked = AskedQuestion.of(question)
        named = tuple(map(Attribute.of, claims))
        if not named or not {*named} <= {*asked.attributes} or len({*named}) != len(named):
            raise InvalidRequestError(
                "the dispute is malformed",
                reason="INVALID_FIELD",
                fields=(Violation(field="claims", rule="claims and captures of the question, each once"),),
            )
        return cls(
            asked=asked,
            request_id=request_id or str(uuid.uuid4()),
            contest=contest,
            claims=named,
            officer=officer or asked.message().officer,
            answered_at=answered_at,
        )

    def sealed(self, service: ServiceInfo) -> bytes:
        """Write the message, with the subject sealed to the key that the service names.

        Raises:
            DisputeError: the service names none, or one that is not usable.
            ConfigError: the extra `sealing` is not installed.
            InternalError: the service does not say as whom it knows the caller.
        """
        key = service.key("dispute")
        if key is None:
            raise remedy.build("DISPUTES_CLOSED")
        if not service.agency_id:
            raise InternalError("the service does not say who the caller is", reason="WRONG_ANSWER")
        try:
            from padan import opening  # noqa: PLC0415 - needs an extra
        except ModuleNotFoundError:
            raise sealing_missing() from None
        request = self.asked.message()
        box = opening.seal(
            request,
            service.agency_id,
            registry_id=service.registry_id,
            environment=service.environment,
            public_key=key.public_key,
            committed=self.asked.commitments,
        )
        message = dispute_pb2.OpenDisputeRequest(
            request_id=self.request_id,
            contest=self.contest,
            officer=self.officer,
            claims=[int(claim) for claim in self.claims],  # type: ignore[misc]  # the same numbers, another type
            statement=self.asked.statement(service.agency_id),
            box=box,
            key_id=key.key_id,
        )
        if self.answered_at is not None:
            message.answered_at.FromDatetime(self.answered_at)
        return message.SerializeToString()


def get_body(dispute_id: str) -> bytes:
    """Write the question about one dispute."""
    return dispute_pb2.GetDisputeRequest(dispute_id=dispute_id).SerializeToString()


def list_body(*, unresolved: bool, page_token: str) -> bytes:
    """Write the question about a page of disputes."""
    return dispute_pb2.ListDisputesRequest(unresolved=unresolved, page_token=page_token).SerializeToString()


def read(message: dispute_pb2.Dispute) -> Dispute:
    """Read a dispute.

    Raises:
        InternalError: a time in it does not exist.
    """
    states, outcomes = {*DisputeState}, {*DisputeOutcome}
    return Dispute(
        dispute_id=message.dispute_id,
        request_id=message.request_id,
        contest=message.contest,
        claims=tuple(Attribute(number) for number in message.claims if number in {*Attribute}),
        state=DisputeState(message.state) if message.state in states else DisputeState.IN_REVIEW,
        outcome=DisputeOutcome(message.outcome) if message.outcome in outcomes else None,
        opened_at=from_timestamp(message.opened_at) if message.HasField("opened_at") else None,
        due_at=from_timestamp(message.due_at) if message.HasField("due_at") else None,
        changed_at=from_timestamp(message.changed_at) if message.HasField("changed_at") else None,
        overdue_at=from_timestamp(message.overdue_at) if message.HasField("overdue_at") else None,
        decision=message.decision,
        signature=message.signature,
        signer=message.signer,
    )
