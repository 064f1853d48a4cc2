"""Intents for tests of what happens inside a commit."""

from __future__ import annotations

import hashlib

from padan import canonical
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2, verification_pb2
from verifier.budget import Counters, Limits
from verifier.intent import Intent, Question, Variant

LIMITS = Limits(subject=5, prefix=20, agency=1_000, officer=100)


def counters(
    *, agency: str = "tax", officer: str = "o1", subject: str = "s1", prefix: str = "p1"
) -> Counters:
    """Name counters by what they count."""

    def key(*parts: str) -> bytes:
        return hashlib.sha256("|".join(parts).encode()).digest()[:16]

    return Counters(
        agency_subject=key("as", agency, subject),
        agency_prefix=key("ap", agency, prefix),
        agency=key("a", agency),
        officer=key("o", agency, officer),
        subject=key("s", subject),
        prefix=key("p", prefix),
        agency_questions=key("aq", agency, subject),
        officer_questions=key("oq", agency, officer, subject),
        quota=key("q", agency),
        prefix_alert=key("pa", agency, prefix),
    )


def variant(outcome: int) -> Variant:
    """Serialise an answer of one verdict."""
    body = verification_pb2.VerifyResponse(outcome=attribute_pb2.Verdict.ValueType(outcome))
    return Variant(outcome=outcome, verdicts=bytes((outcome,)), body=body.SerializeToString())


def intent(
    number: int,
    *,
    agency: str = "tax",
    officer: str = "o1",
    subject: str = "s1",
    prefix: str = "p1",
    outcome: int = attribute_pb2.VERDICT_NO_MATCH,
    units: int = 1,
    limits: Limits = LIMITS,
    digest: bytes | None = None,
    receipt: bytes = b"",
    ready_at: float = 0.0,
) -> Intent:
    """Make one question; `number` is its request_id."""
    head = canonical.encode(
        {
            Field.KIND: int(EntryKind.VERIFY).to_bytes(2, "big"),
            Field.AGENCY: agency.encode(),
            Field.REQUEST_ID: number.to_bytes(16, "big"),
        }
    )
    return Intent(
        kind=EntryKind.VERIFY,
        agency=agency,
        officer=officer,
        purpose="p",
        head=head,
        salt=hashlib.sha256(number.to_bytes(8, "big")).digest(),
        question=Question(
            replay=(agency, number.to_bytes(16, "big")),
            digest=digest or hashlib.sha256(b"%d" % number).digest(),
            counters=counters(agency=agency, officer=officer, subject=subject, prefix=prefix),
            limits=limits,
            cost_bound=1,
            units=units,
            released=variant(outcome),
            blocked=variant(attribute_pb2.VERDICT_BLOCKED),
            receipt=receipt,
        ),
        ready_at=ready_at,
    )
