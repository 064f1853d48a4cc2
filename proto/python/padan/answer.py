"""An answer as the agency reads it: frozen, checked against its question.

Guarantees: an answer to another question, or with other claims, is a fault and never returned; a verdict that this
release does not know reads as NOT_AVAILABLE.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from padan.errors import InternalError
from padan.times import from_timestamp
from padan.vocabulary import Attribute, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from padan.question import Question
    from padan.v1 import verification_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the registry says."""

    request_id: str
    outcome: Verdict
    """One verdict over all claims. Only MATCH confirms; NOT_AVAILABLE and BLOCKED say nothing about the person."""
    verdicts: Mapping[Attribute, Verdict]
    """One verdict for each claim; empty where the agreement grants one over all only."""
    as_of: datetime | None
    """When the registry's data was taken over, UTC."""
    contest: str
    """A reference with which the resident can dispute the answer."""
    receipt: str
    """The signed receipt, a JWS; empty where the service gives none."""
    subject_token: bytes = field(default=b"", repr=False)
    """A token to keep instead of the number; empty where not asked or not granted."""

    @property
    def confirmed(self) -> bool:
        """Whether the registry confirms every claim about an active record."""
        return self.outcome is Verdict.MATCH


def read(
    response: verification_pb2.VerifyResponse, question: Question, *, captured: tuple[int, ...] = ()
) -> Verification:
    """Read an answer.

    Args:
        response: the answer.
        question: what was asked.
        captured: the modalities that were asked about besides its claims.

    Raises:
        InternalError: it does not belong to the question.
    """
    attributes = tuple(item.attribute for item in response.verdicts)
    if response.request_id != question.request_id or attributes not in {(), question.attributes + captured}:
        raise InternalError("the answer does not belong to the question", reason="WRONG_ANSWER")
    return Verification(
        request_id=response.request_id,
        outcome=verdict(response.outcome),
        verdicts=MappingProxyType(
            {Attribute(item.attribute): verdict(item.verdict) for item in response.verdicts}
        ),
        as_of=from_timestamp(response.as_of) if response.HasField("as_of") else None,
        contest=response.contest,
        receipt=response.receipt,
        subject_token=response.subject_token,
    )
