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
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from verifier import validate
from verifier.accounts import Account
from verifier.agreement import grant as agreement_grant
from verifier.call import Reply
from verifier.decision import decide, withhold
from verifier.draft import NOTHING
from verifier.epoch import ROWS, RowDamagedError
from verifier.errors import (
    DeadlineRequiredError,
    MethodNotAllowedError,
    RateLimitedError,
    ServiceError,
    TooLateError,
    VerifierError,
    refused_by_commit,
    untraced,
)
from verifier.evidence import ClaimEvidence, parameters
from verifier.resident.mark import ERASED, is_withheld
from verifier.subject import NikSubject
from verifier.token.subjects import TokenSubject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokenizer.record import Handles
    from verifier.agreement.grant import Grant, Terms
    from verifier.call import Call, Now
    from verifier.decision import Decision
    from verifier.draft import Captured, Drafter
    from verifier.epoch import PinnedEpoch
    from verifier.evidence import Evidence
    from verifier.identity import Peer
    from verifier.intent import Intent, Settled
    from verifier.ports import Agreements, Epochs, Gate, Journal, Marks, Rates, Tokens, Witnesses
    from verifier.subject import Subject
    from verifier.ticket import Ticket
    from verifier.token.subjects import Issued
    from verifier.validate import ValidRequest

_T = TypeVar("_T")

_LOGGER = logging.getLogger("padan.core")
MIN_REMAINING = 0.02
"""Seconds that must be left of a call's deadline: what an answer needs at least."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One request on its way; each step fills in what the next ones need."""

    call: Call
    peer: Peer | None = None
    request: ValidRequest | None = None
    terms: Terms | None = None
    grant: Grant | None = None
    epoch: PinnedEpoch | None = None
    subject: Subject | None = None
    issued: Issued | None = None
    evidence: Evidence | None = None
    rows: tuple[tuple[bytes, bytes], tuple[bytes, bytes]] | None = None
    opened: int = 0
    intent: Intent | None = None
    error: VerifierError | None = field(default=None)


class Verifier:
    """Answers requests. Safe to call from many threads."""

    def __init__(
        self,
        *,
        gate: Gate,
        agreements: Agreements,
        epochs: Epochs,
        tokens: Tokens,
        marks: Marks,
        journal: Journal,
        drafts: Drafter,
        rates: Rates,
        witnesses: Witnesses,
        now: Callable[[], Now],
        slot: float,
        opened: Account | None = None,
    ) -> None:
        """Bring together what the path needs.

        Args:
            opened: the account of rows that are opened.
            slot: seconds after arrival at which every lookup ends.
        """
        self._gate = gate
        self._agreements = agreements
        self._epochs = epochs
        self._tokens = tokens
        self._marks = marks
        self._journal = journal
        self._drafts = drafts
        self._rates = rates
        self._witnesses = witnesses
        self._now = now
        self._slot = slot
        self._opened = Account() if opened is None else opened

    def verify_many(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer calls that arrived together, and wait for their commit.

        Never raises for what one request holds: each gets its answer or its own error.
        """
        replies: list[Reply] = []
        wait = threading.Lock()
        wait.acquire()

        def answered(given: list[Reply]) -> None:
            replies.extend(given)
            wait.release()

        ticket = self.begin(calls, answered)
        if ticket is not None and not wait.acquire(timeout=max(0.0, ticket.deadline - self._now().mono)):
            ticket.expire()
        return replies

    def begin(self, calls: Sequence[Call], answered: Callable[[list[Reply]], object]) -> Ticket | None:
        """Begin to answer calls that arrived together; one call is a batch of one.

        Args:
            calls: at least one.
            answered: is called once with a reply for each call, in their order, when their commit is durable or has
                failed: in the journal's thread, or before this returns.

        Returns:
            The ticket of the commit, which the caller must expire at its deadline; None where all is answered.
        """
        now = self._now()
        batch = [Work(call=call) for call in calls]
        self._each(batch, self._identify, now)  # 1
        self._each(batch, self._validate, now)  # 2
        self._each(batch, self._find_agreement, now)  # 3
        self._each(batch, self._tokenise, now)  # 4
        self._fetch(batch)  # 5
        self._each(batch, self._decide, now)  # 6
        try:
            return self._commit(  # 7
                batch,
                then=lambda settled, error: answered(self._answer(batch, settled, error)),  # 8
            )
        except BaseException:
            self._account(batch, logged=False)
            raise

    def _each(self, batch: list[Work], step: Callable[[Work, Now], None], now: Now) -> None:
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

    def _identify(self, work: Work, now: Now) -> None:
        peer = self._gate.admit(work.call.certificate, now.wall)
        work.peer = peer
        if peer.kind != "agency":
            raise MethodNotAllowedError("only agencies may verify")

    def _validate(self, work: Work, now: Now) -> None:
        remaining = work.call.remaining
        if remaining is None:
            raise DeadlineRequiredError("every call needs a deadline")
        if remaining < MIN_REMAINING:
            raise TooLateError("too little of the deadline is left for an answer")
        work.request = self._read(work.call.raw, now)

    def _read(self, raw: bytes, now: Now) -> ValidRequest:
        return validate.validate(validate.parse(raw), today=now.today, now=now.wall)

    def _find_agreement(self, work: Work, now: Now) -> None:
        peer, request = present(work.peer), present(work.request)
        message = request.message
        terms = self._agreements.in_force(peer.id, now.wall)
        if not self._rates.admit(peer.id, terms.agreement.quota.calls_per_second, now.mono):
            raise RateLimitedError("more calls a second than the agreement grants")
        age, region_level = parameters(request)
        work.grant = grant = agreement_grant.check(
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
        self._witnesses.require(grant.sensitivity, now.wall)

    def _tokenise(self, work: Work, now: Now) -> None:
        request, grant = present(work.request), present(work.grant)
        work.epoch = epoch = self._epochs.pin()
        work.evidence = ClaimEvidence.of(request, grant=grant, epoch=epoch, today=now.today)
        token, domain = request.message.subject_token, grant.token_domain
        if request.nik is None:
            named = self._tokens.read(token, domain=domain, inner=epoch.inner, now=now.wall)
            work.subject = named
            if request.message.issue_token:
                work.issued = self._tokens.issue_again(named, domain=domain)
            return
        work.subject = NikSubject(request.nik, epoch.inner)
        if request.message.issue_token:
            records = epoch.names(request.nik, work.subject.record_id)
            work.issued = self._tokens.issue(request.nik, domain=domain, records=records)

    def _fetch(self, batch: list[Work]) -> None:
        """Fetch two rows for each request, in one look-up for all that pin the same epoch."""
        self._find(batch)
        asking = [work for work in batch if work.error is None]
        for epoch in {work.epoch.number: work.epoch for work in asking if work.epoch is not None}.values():
            members = [
                work for work in asking if work.epoch is not None and work.epoch.number == epoch.number
            ]
            try:
                rows = epoch.lookup(
                    [(present(work.subject).record_id, present(work.request).request_id) for work in members]
                )
                for work, pair in zip(members, rows, strict=True):
                    work.rows = pair
            except ServiceError as error:
                for work in members:
                    work.error = error

    def _find(self, batch: list[Work]) -> None:
        """Find the records of those whom a token names, in one look-up."""
        named = [
            (work, work.subject)
            for work in batch
            if work.error is None and isinstance(work.subject, TokenSubject)
        ]
        if not named:
            return
        try:
            self._tokens.find([subject for _, subject in named])
        except ServiceError as error:
            for work, _ in named:
                work.error = error
            return
        for work, subject in named:
            work.error = subject.failure

    def _decide(self, work: Work, now: Now) -> None:
        del now
        grant, epoch = present(work.grant), present(work.epoch)
        subject, evidence = present(work.subject), present(work.evidence)
        work.opened = ROWS
        self._opened.expect(ROWS)
        try:
            record, held = epoch.open_pair(subject.record_id, present(work.rows))
        except RowDamagedError as error:
            self._opened.expect(error.opened - ROWS)
            work.opened = error.opened
            raise
        # A number that was merged into another one has that one's handles: they share budgets, trail and marks.
        handles = (subject.handles, record.handles)[held]
        marks = self._marks.of(handles.budget_subject)
        decided = decide(
            evidence.compare(subject.record_id, record),
            subject_held=held & (not marks & ERASED),
            active=record.active,
            anchor_sets=grant.anchor_sets,
            existence=grant.existence,
            per_claim=grant.per_claim,
        )
        withheld = self._is_withheld(work, marks) and not grant.exempt
        work.intent = self._draft(work, handles, (decided, withhold(decided))[withheld])

    def _is_withheld(self, _work: Work, marks: int) -> bool:
        """Say whether a resident's right stands above the question."""
        return is_withheld(marks)

    def _draft(self, work: Work, handles: Handles, decided: Decision, captured: Captured = NOTHING) -> Intent:
        subject = present(work.subject)
        return self._drafts.decided(
            peer=present(work.peer),
            request=present(work.request),
            grant=present(work.grant),
            epoch=present(work.epoch),
            handles=handles,
            decided=decided,
            captured=captured,
            issued=work.issued,
            by_token=subject.label if isinstance(subject, TokenSubject) else "",
            ready_at=work.call.arrived + self._slot,
        )

    def _commit(
        self, batch: list[Work], *, then: Callable[[Sequence[Settled], ServiceError | None], object]
    ) -> Ticket | None:
        """Have every request committed, the refused ones too; nothing is answered that is not durable."""
        try:
            for work in batch:
                if work.error is not None or work.intent is None:
                    # It names the subject, for which it may have to open a period.
                    work.intent = self._refuse(work)
            intents = [present(work.intent) for work in batch]
            return self._journal.submit(intents, lambda ticket: then(ticket.settled, ticket.error))
        except ServiceError as error:
            then((), error)
            return None

    def _refuse(self, work: Work) -> Intent:
        error = work.error = work.error or VerifierError("internal fault")
        return self._drafts.refused(
            reason=error.reason,
            peer=work.peer,
            request=work.request,
            subject=work.subject or self._name(work),
        )

    def _name(self, work: Work) -> Subject | None:
        """Name the subject of a request that was refused before it was tokenised: the resident may learn of it."""
        if work.request is None or work.request.nik is None:
            return None
        try:
            return NikSubject(work.request.nik, self._epochs.pin().inner)
        except ServiceError:
            return None

    def _account(self, batch: list[Work], *, logged: bool) -> None:
        """Say once of each request's rows whether an entry tells of them."""
        for work in batch:
            opened, work.opened = work.opened, 0
            if opened:
                self._opened.settle(opened, logged=logged)

    def _answer(
        self, batch: list[Work], settled: Sequence[Settled], error: ServiceError | None
    ) -> list[Reply]:
        """Answer what the commit has settled; where it failed, everyone hears that."""
        self._account(batch, logged=error is None)
        if error is not None:
            return [_refusal(work, error) for work in batch]
        replies: list[Reply] = []
        for work, result in zip(batch, settled, strict=True):
            if result.reason:
                replies.append(_refusal(work, refused_by_commit(result.reason)))
            elif work.error is not None:
                replies.append(_refusal(work, work.error))
            else:
                replies.append(
                    Reply(
                        body=result.body,
                        error=None,
                        agency=present(work.intent).agency,
                        outcome=result.outcome,
                        replayed=result.replayed,
                    )
                )
        return replies


def _refusal(work: Work, error: VerifierError) -> Reply:
    return Reply(body=None, error=untraced(error), agency=work.peer.id if work.peer else "")


def present(value: _T | None) -> _T:
    """Take what an earlier step has set."""
    if value is None:
        raise RuntimeError("a step of the main path was left out")
    return value
