"""CheckEnrolment: is a resident enrolled in a class today? One bit, by whichever programme, under whichever number.

 1 let the call in (verifier.token.reception) and see that the purpose may ask about the class  2 check the token's tag
 3 find the resident  4 look for enrolments under four numbers, for every programme of the class
 5 commit entry, budget, and what the programmes are told; that fixes the outcome  6 answer on the commit

The budget about the resident is charged whatever the answer, so that asking again and again tells nothing of when
something changed. Lookups end at the slot's end; between 2 and 5 nothing depends on what is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan import commitment
from padan.entry import EntryKind
from padan.v1 import token_pb2
from tokenizer.errors import TokenOutdatedError, TokenRefusedError
from verifier import answer, decision, validate
from verifier.budget import UNBOUNDED, Limits
from verifier.errors import refused_by_commit
from verifier.intent import Question, Variant
from verifier.resident.mark import ERASED, is_withheld
from verifier.token import members
from verifier.token.asked import Asking
from verifier.token.classes import require_ask
from verifier.token.enrolling import day_number
from verifier.token.errors import TokenEndedError, TokenNotIssuedError

if TYPE_CHECKING:
    from verifier.agreement.grant import Grant
    from verifier.call import Call, Now
    from verifier.epoch import PinnedEpoch
    from verifier.identity import Peer
    from verifier.intent import Settled
    from verifier.ports import Journal, Witnesses
    from verifier.token.classes import Classes
    from verifier.token.domains import TokenDomains
    from verifier.token.reception import Reception, Visit
    from verifier.token.residents import Resident, Residents
    from verifier.token.subjects import Rows
    from verifier.token.witnessing import Witnessing

COST = 1
"""Units of the budget about the resident that a question costs, whatever the answer."""


class Checking:
    """Answers CheckEnrolment. Safe to call from many threads.

    Args:
        reception: lets calls in, at the agreement's rate.
        domains: the token domains.
        residents: finds residents.
        classes: finds programmes.
        rows: the log's store.
        witnessing: builds entries.
        witnesses: what the log's witnesses vouch for.
        journal: takes the entries.
        slot: seconds after arrival at which every look-up ends.
        receipts: sign a receipt for each answer.
    """

    def __init__(
        self,
        *,
        reception: Reception,
        domains: TokenDomains,
        residents: Residents,
        classes: Classes,
        rows: Rows,
        witnessing: Witnessing,
        witnesses: Witnesses,
        journal: Journal,
        slot: float,
        receipts: bool,
    ) -> None:
        self._reception = reception
        self._domains = domains
        self._residents = residents
        self._classes = classes
        self._rows = rows
        self._witnessing = witnessing
        self._witnesses = witnesses
        self._journal = journal
        self._slot = slot
        self._receipts = receipts

    def answer(self, call: Call) -> bytes:
        """Answer one CheckEnrolment, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or something is away.
        """
        settled = self._reception.serve("CheckEnrolment", call, self._check)
        if settled.body is None:
            raise refused_by_commit(settled.reason)  # which is an entry already
        return settled.body  # 6

    def _check(self, peer: Peer, call: Call, now: Now) -> Settled:
        message = validate.decode(token_pb2.CheckEnrolmentRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        require_ask(visit.grant, message.category)
        programmes = self._classes.programmes(message.category, now.wall)
        self._witnesses.require(visit.grant.sensitivity, now.wall)
        keys = self._domains.current()
        domain = keys.domain(visit.grant.token_domain)
        try:
            token = domain.read(message.token, now=now.wall)  # 2
        except TokenRefusedError as error:
            raise TokenNotIssuedError(str(error), field="token") from None
        except TokenOutdatedError as error:
            raise TokenEndedError(str(error), field="token") from None
        epoch = self._residents.pin()
        (resident,) = self._residents.find(  # 3
            keys, domain, [token], epoch=epoch, request_id=visit.request_id
        )
        logged = False
        try:
            (enrolled,) = members.are_enrolled(  # 4
                self._rows,
                keys,
                [resident],
                category=message.category,
                domains=programmes.domains,
                day=day_number(now.today),
            )
            asking = Asking(now.today.toordinal(), message.category, peer.id, visit.grant.purpose)
            intent = self._witnessing.intend(
                EntryKind.ENROLMENT_CHECKED,
                visit,
                resident,
                category=message.category,
                epoch=epoch,
                question=self._question(visit, message, resident, epoch, enrolled=enrolled),
                ready_at=call.arrived + self._slot,
                kept=(asking.kept(),),
            )
            (settled,) = self._journal.commit([intent])  # 5
            logged = True
        finally:
            self._residents.settle(1, logged=logged)
        return settled

    def _question(
        self,
        visit: Visit,
        message: token_pb2.CheckEnrolmentRequest,
        resident: Resident,
        epoch: PinnedEpoch,
        *,
        enrolled: bool,
    ) -> Question:
        said, grant = visit.said, visit.grant
        digest = commitment.enrolment_digest(
            said, token=message.token, category=message.category, agency=visit.peer.id
        )
        outcome = outcome_of(resident, grant, enrolled=enrolled)
        receipt = (
            answer.receipt_claims(request_id=said.request_id, digest=digest, grant=grant, epoch=epoch)
            if self._receipts
            else b""
        )
        return Question(
            replay=(visit.peer.id, visit.request_id),
            digest=digest,
            counters=epoch.counter_keys.of_enrolment(
                agency=visit.peer.id, officer=said.officer, subject=resident.handles.budget_subject
            ),
            limits=limits(grant),
            cost_bound=COST,
            units=COST,
            released=_variant(said.request_id, outcome),
            blocked=_variant(said.request_id, decision.BLOCKED),
            receipt=receipt,
        )


def outcome_of(resident: Resident, grant: Grant, *, enrolled: bool) -> int:
    """Say what may be answered about a resident; a right of theirs stands above the question."""
    shown = (decision.NO_MATCH, decision.MATCH)[enrolled & (not resident.marks & ERASED)]
    withheld = is_withheld(resident.marks) and not grant.exempt
    return (shown, decision.NOT_AVAILABLE)[withheld]


def limits(grant: Grant) -> Limits:
    """Give the budgets of a question about an enrolment: that about the resident, and the calls of a day."""
    return Limits(
        subject=grant.budgets.subject_per_day,
        prefix=UNBOUNDED,
        agency=UNBOUNDED,
        officer=UNBOUNDED,
        joint_subject=UNBOUNDED,
        joint_prefix=UNBOUNDED,
        quota=grant.quota.calls_per_day,
    )


def _variant(request_id: str, outcome: int) -> Variant:
    message = token_pb2.CheckEnrolmentResponse(request_id=request_id, outcome=outcome)  # type: ignore[arg-type] # a Verdict
    return Variant(outcome=outcome, verdicts=b"", body=message.SerializeToString())
