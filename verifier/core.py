"""The main path: from the bytes of a request to the bytes of an answer that the log already holds.

 1 identify the agency by its certificate
 2 validate the request
 3 find the agreement in force for agency, purpose, attributes
 4 tokenise, and pin the epoch
 5 fetch record and decoy together
 6 decide
 7 commit log entry and budget, which fix the outcome
 8 answer on the commit

Everything that the path needs is passed in; it reads no clock, socket, file or environment of its own. A request that
is refused on the way is committed too. Between 5 and 7 nothing depends on whether the subject is held.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from padan import commitment
from padan.entry import SALT_SIZE, EntryKind
from padan.v1 import error_pb2
from verifier import answer, head, validate
from verifier.agreement import grant as agreement_grant
from verifier.budget import Limits
from verifier.call import Reply
from verifier.decision import cost_bound, decide
from verifier.errors import (
    DeadlineRequiredError,
    MethodNotAllowedError,
    QuotaExhaustedError,
    RateLimitedError,
    RequestIdReusedError,
    ServiceError,
    TooLateError,
    VerifierError,
    untraced,
)
from verifier.errors import LogUnavailableError as LogAwayError
from verifier.evidence import ClaimEvidence, parameters
from verifier.intent import Intent, Question
from verifier.period import NONCE_SIZE
from verifier.subject import NikSubject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from verifier.agreement.grant import Grant, Terms
    from verifier.agreement.model import Budgets
    from verifier.call import Call, Now
    from verifier.epoch import PinnedEpoch
    from verifier.evidence import Evidence
    from verifier.identity import Peer
    from verifier.ports import Agreements, Epochs, Gate, Journal, Periods, Rates
    from verifier.subject import Subject
    from verifier.validate import ValidRequest

_T = TypeVar("_T")

_LOGGER = logging.getLogger("padan.core")
MIN_REMAINING = 0.02
"""Seconds that must be left of a call's deadline: what an answer needs at least."""

_COMMIT_REFUSALS: dict[str, tuple[type[VerifierError], str]] = {
    "QUOTA_EXHAUSTED": (QuotaExhaustedError, "the agreement's calls of the day are spent"),
    "REQUEST_ID_REUSED": (RequestIdReusedError, "this request_id was used with another body"),
    "LOG_UNAVAILABLE": (LogAwayError, "the first request with this id is still being committed"),
}


@dataclass(slots=True, kw_only=True)
class _Work:
    """One request on its way; each step fills in what the next ones need."""

    call: Call
    peer: Peer | None = None
    request: ValidRequest | None = None
    terms: Terms | None = None
    grant: Grant | None = None
    epoch: PinnedEpoch | None = None
    subject: Subject | None = None
    evidence: Evidence | None = None
    rows: tuple[tuple[bytes, bytes], tuple[bytes, bytes]] | None = None
    intent: Intent | None = None
    error: VerifierError | None = field(default=None)
    reply: Reply | None = None


class Verifier:
    """Answers requests. Safe to call from many threads."""

    def __init__(
        self,
        *,
        gate: Gate,
        agreements: Agreements,
        epochs: Epochs,
        journal: Journal,
        periods: Periods,
        rates: Rates,
        now: Callable[[], Now],
        random: Callable[[int], bytes],
        turn: AbstractContextManager[object],
        slot: float,
        joint_subject: int,
        joint_prefix: int,
        receipts: bool,
    ) -> None:
        """Bring together what the path needs.

        Args:
            turn: held from step 1 to step 6 (docs/adr/0013).
            slot: seconds after arrival at which every lookup ends.
            joint_subject: failed guesses a day about one subject over all agencies.
            joint_prefix: failed guesses a day about one prefix over all agencies.
            receipts: sign a receipt for each answer.
        """
        self._gate = gate
        self._agreements = agreements
        self._epochs = epochs
        self._journal = journal
        self._periods = periods
        self._rates = rates
        self._now = now
        self._random = random
        self._turn = turn
        self._slot = slot
        self._limits = lru_cache(maxsize=1024)(self._compute_limits)
        self._joint_subject = joint_subject
        self._joint_prefix = joint_prefix
        self._receipts = receipts

    def verify_many(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer calls that arrived together; one call is a batch of one.

        Never raises for what one request holds: each gets its answer or its own error.
        """
        now = self._now()
        batch = [_Work(call=call) for call in calls]
        with self._turn:
            self._each(batch, self._identify, now)  # 1
            self._each(batch, self._validate, now)  # 2
            self._each(batch, self._find_agreement, now)  # 3
            self._each(batch, self._tokenise, now)  # 4
            self._fetch(batch)  # 5
            self._each(batch, self._decide, now)  # 6
        self._commit(batch)  # 7
        return [self._answer(work) for work in batch]  # 8

    @staticmethod
    def _each(batch: list[_Work], step: Callable[[_Work, Now], None], now: Now) -> None:
        """Take every request that is not refused yet through one step."""
        for work in batch:
            if work.error is None:
                try:
                    step(work, now)
                except VerifierError as error:
                    work.error = error
                except (
                    Exception
                ):  # a fault of ours is committed and refused like any other; the batch goes on
                    _LOGGER.exception("a step of the main path fell over")
                    work.error = VerifierError("internal fault")

    def _identify(self, work: _Work, now: Now) -> None:
        peer = self._gate.admit(work.call.certificate, now.wall)
        work.peer = peer
        if peer.kind != "agency":
            raise MethodNotAllowedError("only agencies may verify")

    def _validate(self, work: _Work, now: Now) -> None:
        remaining = work.call.remaining
        if remaining is None:
            raise DeadlineRequiredError("every call needs a deadline")
        if remaining < MIN_REMAINING:
            raise TooLateError("too little of the deadline is left for an answer")
        work.request = validate.validate(validate.parse(work.call.raw), today=now.today, now=now.wall)

    def _find_agreement(self, work: _Work, now: Now) -> None:
        peer, request = _present(work.peer), _present(work.request)
        message = request.message
        terms = self._agreements.in_force(peer.id, now.wall)
        if not self._rates.admit(peer.id, terms.agreement.quota.calls_per_second, now.mono):
            raise RateLimitedError("more calls a second than the agreement grants")
        age, region_level = parameters(message.claims)
        work.grant = agreement_grant.check(
            terms,
            purpose=message.purpose,
            attributes=request.attributes,
            legal_basis=message.legal_basis,
            source_address=agreement_grant.address_of(work.call.peer),
            consent_receipt=message.consent_receipt,
            on_behalf_of=message.on_behalf_of,
            age=age,
            region_level=region_level,
            issue_token=message.issue_token,
            by_token=request.nik is None,
        )

    def _tokenise(self, work: _Work, now: Now) -> None:
        request, grant = _present(work.request), _present(work.grant)
        work.epoch = epoch = self._epochs.pin()
        work.evidence = ClaimEvidence.of(request.message.claims, grant=grant, epoch=epoch, today=now.today)
        work.subject = NikSubject(_present(request.nik), epoch.inner)

    def _fetch(self, batch: list[_Work]) -> None:
        """Fetch two rows for each request, in one look-up for all that pin the same epoch."""
        asking = [work for work in batch if work.error is None]
        for epoch in {work.epoch.number: work.epoch for work in asking if work.epoch is not None}.values():
            members = [
                work for work in asking if work.epoch is not None and work.epoch.number == epoch.number
            ]
            try:
                rows = epoch.lookup(
                    [
                        (_present(work.subject).record_id, _present(work.request).request_id)
                        for work in members
                    ]
                )
                for work, pair in zip(members, rows, strict=True):
                    work.rows = pair
            except ServiceError as error:
                for work in members:
                    work.error = error

    def _decide(self, work: _Work, now: Now) -> None:
        del now
        grant, epoch, request = _present(work.grant), _present(work.epoch), _present(work.request)
        subject, evidence = _present(work.subject), _present(work.evidence)
        record, held = epoch.open_pair(subject.record_id, _present(work.rows))
        decided = decide(
            evidence.compare(subject.record_id, record),
            subject_held=held,
            active=record.active,
            anchor_sets=grant.anchor_sets,
            existence=grant.existence,
            per_claim=grant.per_claim,
        )
        work.intent = self._intend(work, decided.outcome, decided.verdicts, decided.units, request)

    def _intend(
        self, work: _Work, outcome: int, verdicts: Sequence[int], units: int, request: ValidRequest
    ) -> Intent:
        peer, grant, epoch = _present(work.peer), _present(work.grant), _present(work.epoch)
        message, handles = request.message, _present(work.subject).handles
        digest = commitment.request_digest(message, peer.id)
        nonce = self._random(NONCE_SIZE)
        reference, period = self._periods.reference(handles.log, nonce)
        released, blocked = answer.both(
            request_id=message.request_id,
            attributes=request.attributes,
            outcome=outcome,
            verdicts=verdicts,
            per_claim=grant.per_claim,
            as_of=epoch.as_of_field,
            reference=answer.contest(digest),
        )
        return Intent(
            kind=EntryKind.VERIFY,
            agency=peer.id,
            officer=message.officer,
            purpose=grant.purpose,
            head=head.question(
                peer=peer,
                grant=grant,
                officer=message.officer,
                on_behalf_of=message.on_behalf_of,
                legal_basis=message.legal_basis,
                consent_receipt=message.consent_receipt,
                subject=reference,
                nonce=nonce,
                period=period,
                attributes=request.attributes,
                digest=digest,
                request_id=request.request_id,
                epoch=epoch.number,
                versions=epoch.versions,
            ),
            salt=self._random(SALT_SIZE),
            question=Question(
                replay=(peer.id, request.request_id),
                digest=digest,
                counters=epoch.counter_keys.of(
                    agency=peer.id,
                    officer=message.officer,
                    subject=handles.budget_subject,
                    prefix=handles.budget_prefix,
                ),
                limits=self._limits(grant.budgets, grant.quota.calls_per_day),
                cost_bound=cost_bound(request.attributes, per_claim=grant.per_claim),
                units=units,
                released=released,
                blocked=blocked,
                receipt=answer.receipt_claims(
                    request_id=message.request_id, digest=digest, grant=grant, epoch=epoch
                )
                if self._receipts
                else b"",
            ),
            ready_at=work.call.arrived + self._slot,
        )

    def _compute_limits(self, budgets: Budgets, calls_per_day: int) -> Limits:
        return Limits(
            subject=budgets.subject_per_day,
            prefix=budgets.prefix_per_day,
            agency=budgets.agency_per_day,
            officer=budgets.officer_per_day,
            joint_subject=self._joint_subject,
            joint_prefix=self._joint_prefix,
            quota=calls_per_day,
        )

    def _commit(self, batch: list[_Work]) -> None:
        """Commit every request, the refused ones too; nothing is answered that is not durable."""
        intents = [work.intent if work.error is None else self._refused(work) for work in batch]
        present = [intent for intent in intents if intent is not None]
        try:
            settled = iter(self._journal.commit(present))
        except ServiceError as error:
            for work in batch:
                work.error = error
            return
        for work, intent in zip(batch, intents, strict=True):
            if intent is None:
                continue
            result = next(settled)
            if result.reason:
                kind, message = _COMMIT_REFUSALS[result.reason]
                work.error = kind(message)
            elif work.error is None:
                work.reply = Reply(
                    body=result.body,
                    error=None,
                    agency=intent.agency,
                    outcome=result.outcome,
                    replayed=result.replayed,
                )

    def _refused(self, work: _Work) -> Intent:
        error = _present(work.error)
        request, peer = work.request, work.peer
        reference = None
        subject = work.subject or self._name(work)
        if subject is not None:
            nonce = self._random(NONCE_SIZE)
            name, period = self._periods.reference(subject.handles.log, nonce)
            reference = (name, nonce, period)
        officer = request.message.officer if request else ""
        purpose = request.message.purpose if request else ""
        return Intent(
            kind=EntryKind.REFUSED,
            agency=peer.id if peer else "",
            officer=officer,
            purpose=purpose,
            head=head.refusal(
                reason=error_pb2.ErrorReason.Value(f"ERROR_REASON_{error.reason}"),
                peer=peer,
                officer=officer,
                purpose=purpose,
                subject=reference,
                request_id=request.request_id if request else b"",
            ),
            salt=self._random(SALT_SIZE),
            question=None,
        )

    def _name(self, work: _Work) -> Subject | None:
        """Name the subject of a request that was refused before it was tokenised: the resident may learn of it."""
        if work.request is None or work.request.nik is None:
            return None
        try:
            return NikSubject(work.request.nik, self._epochs.pin().inner)
        except ServiceError:
            return None

    @staticmethod
    def _answer(work: _Work) -> Reply:
        if work.error is not None or work.reply is None:
            return Reply(body=None, error=untraced(work.error), agency=work.peer.id if work.peer else "")
        return work.reply


def _present(value: _T | None) -> _T:
    """Take what an earlier step has set."""
    if value is None:
        raise RuntimeError("a step of the main path was left out")
    return value
