"""StreamCheckEnrolment: are residents of a list enrolled in a class today? A verdict each, or one count with noise.

 1 let the message in (verifier.token.reception), and see what the agreements of asker and programmes grant for lists
 2 check every token's tag  3 find the residents  4 look for their enrolments  5 commit an entry for each resident and
 one for the message, with budgets, noise, and what the programmes are told; that fixes the outcome  6 answer on the
 commit

A message is a question for itself and one for each resident, so that all budgets are charged where they are read, and a
repetition gets the stored answers and the stored noise. Of a count, no entry and no answer tells whose enrolment it has
in it; a resident is in one list of an agency a day (`A_DAY`), each costing epsilon of `verifier.token.noise`.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

from padan import commitment
from padan.entry import EntryKind
from padan.v1 import token_pb2
from padan.value import value
from verifier import decision, validate
from verifier.budget import UNBOUNDED, Limits
from verifier.errors import InvalidFieldError, refused_by_commit
from verifier.intent import Question, Variant
from verifier.token import members, noise
from verifier.token.asked import Asking
from verifier.token.checking import COST, limits, outcome_of
from verifier.token.classes import ROWS, require_list
from verifier.token.enrolling import day_number
from verifier.token.reception import read_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.agreement.grant import Grant
    from verifier.call import Call, Now
    from verifier.epoch import PinnedEpoch
    from verifier.identity import Peer
    from verifier.intent import Intent, Settled
    from verifier.ports import Journal, Witnesses
    from verifier.token.classes import Classes
    from verifier.token.domains import TokenDomains
    from verifier.token.reception import Reception, Visit
    from verifier.token.residents import Resident, Residents
    from verifier.token.subjects import Rows
    from verifier.token.witnessing import Witnessing

A_DAY: Final = 1
"""Counts of one agency that a resident is in, a day of log time: at most 31 a month, epsilon 1.6 in all."""
LEAST: Final = 100
"""Different tokens of a message that is answered with a count."""
_NOISE: Final = struct.Struct(">i")
_OUT, _IN, _SPENT = b"\0", b"\1", b"\2"
"""Stored answers about a resident of a count: not in it, in it, and not counted since the budget is spent."""


@value
class Asked:
    """A message that is ready to be committed.

    Attributes:
        visit: the call.
        category: the class.
        rows: the agreements grant a verdict for each resident.
        places: of the residents that are asked about, in the message, from 0.
        size: tokens of the message.
        intents: of the message, then of the residents.
        faults: those whose tokens were refused.
    """

    visit: Visit
    rows: bool
    places: tuple[int, ...]
    size: int
    intents: tuple[Intent, ...]
    faults: tuple[token_pb2.TokenFault, ...]


class Listing:
    """Answers the messages of StreamCheckEnrolment. Safe to call from many threads.

    Args:
        reception: lets messages in.
        domains: the token domains.
        residents: finds residents.
        classes: finds programmes.
        rows: the log's store.
        witnessing: builds entries.
        witnesses: what the log's witnesses vouch for.
        journal: takes the entries.
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
    ) -> None:
        self._reception = reception
        self._domains = domains
        self._residents = residents
        self._classes = classes
        self._rows = rows
        self._witnessing = witnessing
        self._witnesses = witnesses
        self._journal = journal

    def answer(self, call: Call) -> bytes:
        """Answer one message, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or something is away.
        """
        asked, settled = self._reception.serve("StreamCheckEnrolment", call, self._ask)
        for each in settled:
            if each.body is None:
                raise refused_by_commit(each.reason)  # which is an entry already
        return _answer(asked, settled)  # 6

    def _ask(self, peer: Peer, call: Call, now: Now) -> tuple[Asked, Sequence[Settled]]:
        message = validate.decode(token_pb2.StreamCheckEnrolmentRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        programmes = self._classes.programmes(message.category, now.wall)
        level = require_list(visit.grant, message.category, programmes)
        self._witnesses.require(visit.grant.sensitivity, now.wall)
        keys = self._domains.current()
        domain = keys.domain(visit.grant.token_domain)
        given, faults = read_tokens(domain, message.tokens, now)  # 2
        good = [(place, token) for place, token in enumerate(given) if token is not None]
        if level < ROWS and len({token.element for _, token in good}) < LEAST:
            raise InvalidFieldError(
                f"at least {LEAST} different tokens where a count is asked for", field="tokens"
            )
        epoch = self._residents.pin()
        residents = (
            self._residents.find(  # 3
                keys, domain, [token for _, token in good], epoch=epoch, request_id=visit.request_id
            )
            if good
            else []
        )
        logged = False
        try:
            enrolled = members.are_enrolled(  # 4
                self._rows,
                keys,
                residents,
                category=message.category,
                domains=programmes.domains,
                day=day_number(now.today),
            )
            asked = self._asked(
                visit,
                message,
                epoch,
                rows=level >= ROWS,
                people=[
                    (place, one, bit) for (place, _), one, bit in zip(good, residents, enrolled, strict=True)
                ],
                faults=faults,
                now=now,
            )
            settled = self._journal.commit(asked.intents)  # 5
            logged = True
        finally:
            self._residents.settle(len(residents), logged=logged)
        return asked, settled

    def _asked(
        self,
        visit: Visit,
        message: token_pb2.StreamCheckEnrolmentRequest,
        epoch: PinnedEpoch,
        *,
        rows: bool,
        people: Sequence[tuple[int, Resident, bool]],
        faults: Sequence[token_pb2.TokenFault],
        now: Now,
    ) -> Asked:
        """Make the message's question and one for each resident; of a count, one for each resident that is another."""
        digest = commitment.enrolment_list_digest(
            visit.said, tokens=message.tokens, category=message.category, agency=visit.peer.id
        )
        if not rows:
            people = list(
                {
                    resident.slots[0]: (place, resident, bit) for place, resident, bit in reversed(people)
                }.values()
            )
            people.sort(key=lambda each: each[0])
        asking = Asking(now.today.toordinal(), message.category, visit.peer.id, visit.grant.purpose)
        drawn = b"" if rows else _NOISE.pack(noise.draw())
        whole = visit.intend(
            EntryKind.ENROLMENT_LIST,
            {"class": message.category, "residents": str(len(people)), "refused": str(len(faults))},
            (asking.kept(len(people)),) if people else (),
            question=Question(
                replay=(visit.peer.id, visit.request_id),
                digest=digest,
                counters=epoch.counter_keys.of_enrolment(
                    agency=visit.peer.id, officer=visit.said.officer, subject=visit.request_id
                ),
                limits=_UNBOUNDED,
                cost_bound=0,
                units=0,
                released=Variant(outcome=0, verdicts=b"", body=drawn),
                blocked=Variant(outcome=0, verdicts=b"", body=drawn),
                receipt=b"",
            ),
        )
        return Asked(
            visit=visit,
            rows=rows,
            places=tuple(place for place, _, _ in people),
            size=len(message.tokens),
            intents=(
                whole,
                *(
                    self._witnessing.intend(
                        EntryKind.ENROLMENT_CHECKED if rows else EntryKind.ENROLMENT_COUNTED,
                        visit,
                        resident,
                        category=message.category,
                        epoch=epoch,
                        question=_question(
                            visit, resident, epoch, rows=rows, enrolled=bit, digest=_row(digest, place)
                        ),
                    )
                    for place, resident, bit in people
                ),
            ),
            faults=tuple(faults),
        )


def _question(
    visit: Visit, resident: Resident, epoch: PinnedEpoch, *, rows: bool, enrolled: bool, digest: bytes
) -> Question:
    grant, officer = visit.grant, visit.said.officer
    outcome = outcome_of(resident, grant, enrolled=enrolled)
    if rows:
        released = Variant(outcome=outcome, verdicts=b"", body=bytes((outcome,)))
        blocked = Variant(outcome=decision.BLOCKED, verdicts=b"", body=bytes((decision.BLOCKED,)))
    else:  # the entry says nothing of whether the resident is in the count
        released = Variant(outcome=0, verdicts=b"", body=(_OUT, _IN)[outcome == decision.MATCH])
        blocked = Variant(outcome=0, verdicts=b"", body=_SPENT)
    keys = epoch.counter_keys
    make = keys.of_enrolment if rows else keys.of_enrolment_count
    return Question(
        replay=(visit.peer.id, digest[:16]),
        digest=digest,
        counters=make(agency=visit.peer.id, officer=officer, subject=resident.handles.budget_subject),
        limits=limits(grant) if rows else _counted(grant),
        cost_bound=COST,
        units=COST,
        released=released,
        blocked=blocked,
        receipt=b"",
    )


_UNBOUNDED: Final = Limits(
    subject=UNBOUNDED,
    prefix=UNBOUNDED,
    agency=UNBOUNDED,
    officer=UNBOUNDED,
    joint_subject=UNBOUNDED,
    joint_prefix=UNBOUNDED,
)


def _counted(grant: Grant) -> Limits:
    """Give the budgets of a resident in a count: so many lists a day, and the calls of a day."""
    return Limits(
        subject=A_DAY,
        prefix=UNBOUNDED,
        agency=UNBOUNDED,
        officer=UNBOUNDED,
        joint_subject=UNBOUNDED,
        joint_prefix=UNBOUNDED,
        quota=grant.quota.calls_per_day,
    )


def _row(digest: bytes, place: int) -> bytes:
    """Digest the question about one resident of a message, 32 bytes."""
    return hashlib.sha256(digest + place.to_bytes(4, "big")).digest()


def _answer(asked: Asked, settled: Sequence[Settled]) -> bytes:
    whole, *each = [one.body or b"" for one in settled]
    response = token_pb2.StreamCheckEnrolmentResponse(
        request_id=asked.visit.said.request_id, residents=len(asked.places), faults=asked.faults
    )
    if asked.rows:
        verdicts = bytearray(asked.size)
        for place, body in zip(asked.places, each, strict=True):
            verdicts[place] = body[0]
        response.verdicts = bytes(verdicts)
    else:
        (drawn,) = _NOISE.unpack_from(whole)
        found = sum(body[:1] == _IN for body in each)
        response.enrolled = noise.within(found + drawn, len(each))
    return response.SerializeToString()
