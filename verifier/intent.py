"""What the workers hand to the journal: requests that are decided but not yet released.

An intent carries both answers, the released and the blocked one, as bytes; which of them leaves is fixed inside the
commit, where the budgets are read. Nothing in an intent needs a key, so that the journal may be another process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan.value import value

if TYPE_CHECKING:
    from verifier.budget import Counters, Limits
    from verifier.log.beside import Kept
    from verifier.log.store import ReplayKey


@value
class Variant:
    """One of the two answers that a commit can release.

    Attributes:
        outcome: the verdict over all claims, as the entry records it.
        verdicts: one byte for each claim where the agreement grants them, else empty.
        body: the serialised response without its reference for disputes and its receipt.
    """

    outcome: int
    verdicts: bytes
    body: bytes


@value
class Question:
    """The part of an intent that a question about a resident has, and a refused request has not.

    Attributes:
        replay: where the answer is kept for repetition.
        digest: the blinded request digest, 32 bytes; a repetition must have the same.
        counters: the budgets' keys.
        limits: the budgets' sizes.
        cost_bound: most units that the answer can cost.
        units: what the released answer costs.
        released: the answer if there is room in the budgets.
        blocked: the answer if there is none.
        receipt: the receipt's claims as JSON without its closing brace; empty where no receipt is wanted.
        releases: the released answer shows that the resident is present: the agency's guesses about them are forgotten.
    """

    replay: ReplayKey
    digest: bytes
    counters: Counters
    limits: Limits
    cost_bound: int
    units: int
    released: Variant
    blocked: Variant
    receipt: bytes
    releases: bool = False


@value
class DisputeOpening:
    """The part of an intent that opens a dispute, and no other has.

    Attributes:
        dispute_id: id of the dispute, which agency and request_id make.
        request_id: 16 bytes.
        order: digest of what is asked for, 32 bytes; a repetition must have the same.
        answer: place of the disputed answer's entry.
        hours: until it is due.
        limit: unresolved disputes that the agency may have.
        document: what is kept of it.
    """

    dispute_id: str
    request_id: bytes
    order: bytes
    answer: int
    hours: int
    limit: int
    document: bytes


@value
class Intent:
    """One request on its way into the log.

    Attributes:
        kind: the entry's kind, padan.entry.EntryKind.
        agency: id of the agency, empty where the caller is none.
        officer: the agency's pseudonym of the person who asks.
        purpose: the purpose's code.
        head: the entry's head, canonical.
        salt: the leaf's salt, 32 bytes.
        question: the question; None for a request that was refused before, and for what is none.
        ready_at: monotonic second before which the intent joins no group (the end of its time slot).
        opening: the dispute to open; None for everything else.
        kept: rows beside the log that are written with it; of a question with the released answer alone.
    """

    kind: int
    agency: str
    officer: str
    purpose: str
    head: bytes
    salt: bytes
    question: Question | None
    ready_at: float = 0.0
    opening: DisputeOpening | None = None
    kept: tuple[Kept, ...] = ()


@value
class Settled:
    """What became of an intent.

    Attributes:
        body: the serialised response; None where the request is refused.
        reason: name of an ErrorReason where the request is refused, else empty.
        outcome: the released verdict; 0 where refused.
        replayed: the answer is a stored one.
    """

    body: bytes | None = None
    reason: str = ""
    outcome: int = 0
    replayed: bool = False
