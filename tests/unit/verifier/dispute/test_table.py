"""Disputes in the log's database, on each engine: opened inside a commit, found, timed, decided."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from keys.realm import Realm
from keys.seal import SealKey
from keys.signing import Signer
from padan import canonical, commitment
from padan.entry import EntryKind, Field, decode
from verifier import admin_entry
from verifier.directory import Directory
from verifier.dispute import contest
from verifier.dispute.case import Case, dispute_id
from verifier.dispute.clock import DisputeClock
from verifier.dispute.errors import DisputeStateError
from verifier.dispute.forgetting import DisputeForgetting
from verifier.dispute.office import Office
from verifier.dispute.state import HOUR_MS, State
from verifier.dispute.state import Outcome as Decided
from verifier.dispute.table import DisputeTable
from verifier.group_writer import GroupWriter
from verifier.intent import DisputeOpening
from verifier.leader import Mandate
from verifier.log.open import open_log
from verifier.log.store import LeaderLostError
from verifier.logtime import ClockFlag, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.intent import Intent, Settled
    from verifier.log.store import LogStore, StoredEntry
    from verifier.settlement import Group, Outcome

START_MS = 1_795_000_000_000
STATEMENT = canonical.encode({1: b"a question", 6: bytes(32)})
DIGEST = commitment.statement_digest(STATEMENT)
CONTEST = contest.make(START_MS, DIGEST).decode()
LEADS = Mandate(term=0)
SIGNER = Signer(bytes(range(32)))


@dataclass(slots=True, kw_only=True)
class Books:
    """The log, the disputes in it, and a clock."""

    log: LogStore
    table: DisputeTable
    now_ms: int = START_MS

    def commit(self, *intents: Intent) -> list[Settled]:
        """Commit a group as the service does."""
        seal = SealKey(bytes(32))
        writer = GroupWriter(
            store=self.log,
            settlement=Settlement(signer=None, replay_seal=lambda _day: seal),
            clock=lambda _seconds, _last_ms: LogTime(ms=self.now_ms, flag=ClockFlag.IN_STEP),
        )
        return writer.write(intents)

    def open(self, number: int, *, answer: int | None = None, limit: int = 10) -> str:
        """Open a dispute; what the commit said."""
        (settled,) = self.commit(opening(number, answer=answer, limit=limit))
        return "REPLAYED" if settled.replayed else settled.reason

    def check(self) -> int:
        """Let the clock look."""
        return DisputeClock(self.table, self.log, now=lambda: self.now_ms / 1000).check(LEADS)

    def rows(self, *kinds: EntryKind) -> list[StoredEntry]:
        """Read entries of some kinds."""
        return [row for row in self.log.entries(0, 1_000) if row.kind in kinds]


@pytest.fixture
def books(log_database: str) -> Iterator[Books]:
    """Open the books."""
    with closing(open_log(log_database)) as log, closing(Directory(log_database)) as directory:
        yield Books(log=log, table=DisputeTable(directory))


def opening(
    number: int, *, answer: int | None = None, limit: int = 10, claims: tuple[int, ...] = (1,)
) -> Intent:
    """Make the intent of an opening; `number` is its request_id."""
    request_id = number.to_bytes(16, "big")
    case = Case(contest=CONTEST, claims=claims, statement=STATEMENT, key_id="k" * 43, box=b"\1box")
    return admin_entry.intend(
        EntryKind.DISPUTE_OPENED,
        {"dispute": dispute_id("tax", request_id)},
        agency="tax",
        opening=DisputeOpening(
            dispute_id=dispute_id("tax", request_id),
            request_id=request_id,
            order=case.order("tax", request_id),
            answer=number if answer is None else answer,
            hours=72,
            limit=limit,
            document=case.encode(),
        ),
    )


def answered(agency: str = "tax", digest: bytes = DIGEST, kind: EntryKind = EntryKind.VERIFY) -> Intent:
    """Make the intent of what looks like an answer's entry."""
    fields: dict[int, bytes] = {Field.REQUEST_DIGEST: digest, Field.CLAIMS: b"\0\1\0\4"}
    return admin_entry.intend(kind, {"noise": DIGEST.hex()}, agency=agency, fields=fields)


def test_an_opening_is_a_row_and_an_entry(books: Books) -> None:
    """What is kept stands as it was asked for, under the log time of its entry."""
    assert books.open(7) == ""
    found = books.table.find(dispute_id("tax", (7).to_bytes(16, "big")))
    assert found is not None
    assert (found.agency, found.answer, found.request_id) == ("tax", 7, (7).to_bytes(16, "big"))
    assert (found.case.contest, found.case.claims, found.case.statement) == (CONTEST, (1,), STATEMENT)
    standing = found.standing
    assert (standing.state, standing.outcome) == (State.OPENED, Decided.UNDECIDED)
    assert (standing.opened_ms, standing.due_ms) == (START_MS, START_MS + 72 * HOUR_MS)
    assert [row.agency for row in books.rows(EntryKind.DISPUTE_OPENED)] == ["tax"]


def test_what_the_commit_says(books: Books) -> None:
    """In one group: opened, repeated, reused, disputed already, too many; each leaves its own entry."""
    said = books.commit(
        opening(1),
        opening(1),
        opening(1, claims=(4,)),
        opening(2, answer=1),
        opening(3),
        opening(4, limit=2),
    )
    assert [(each.reason, each.replayed) for each in said] == [
        ("", False),
        ("", True),
        ("REQUEST_ID_REUSED", False),
        ("ALREADY_DISPUTED", False),
        ("", False),
        ("TOO_MANY_DISPUTES", False),
    ]
    assert [row.kind for row in books.log.entries(0, 10)] == [
        EntryKind.DISPUTE_OPENED,
        EntryKind.REPLAY,
        EntryKind.REFUSED,
        EntryKind.REFUSED,
        EntryKind.DISPUTE_OPENED,
        EntryKind.REFUSED,
    ]
    assert len(books.table.newest(10)) == 2
    assert books.open(1) == "REPLAYED"


def test_what_does_not_commit_opens_nothing(books: Books) -> None:
    """Where the group's write fails there is neither an entry nor a dispute, and the next try opens it."""

    class Failing(Settlement):
        def settle(self, group: Group) -> Outcome:
            super().settle(group)
            raise ZeroDivisionError

    broken = GroupWriter(
        store=books.log,
        settlement=Failing(signer=None, replay_seal=lambda _day: SealKey(bytes(32))),
        clock=lambda _seconds, _last_ms: LogTime(ms=START_MS, flag=ClockFlag.IN_STEP),
    )
    with pytest.raises(ZeroDivisionError):
        broken.write([opening(1)])
    assert (books.table.newest(10), books.log.entries(0, 10)) == ([], [])
    assert books.open(1) == ""


def test_the_clock_marks_once(books: Books) -> None:
    """Up to its last moment nothing is written; after it one entry, whoever looks; none for what is resolved."""
    for number in (1, 2, 3):
        books.open(number)
    office = office_of(books)
    resolved, reviewed = (dispute_id("tax", number.to_bytes(16, "big")) for number in (1, 2))
    office.resolve(resolved, Decided.UPHELD, SIGNER, now_ms=START_MS + 1)
    office.review(reviewed, SIGNER, now_ms=START_MS + 1)
    books.now_ms = START_MS + 72 * HOUR_MS
    assert books.check() == 0
    books.now_ms += 1
    assert books.check() == 2
    assert books.check() == 0
    rows = books.rows(EntryKind.DISPUTE_OVERDUE)
    assert {row.agency for row in rows} == {"tax"}
    details = [decode(row.entry).texts(Field.DETAIL) for row in rows]
    assert sorted(detail[1] for detail in details) == ["state=in_review", "state=opened"]
    assert {detail[2] for detail in details} == {f"due={START_MS + 72 * HOUR_MS}"}
    late = office.resolve(reviewed, Decided.CORRECTED, SIGNER, now_ms=books.now_ms + 1)
    assert late.standing.overdue_ms == books.now_ms
    (last,) = books.rows(EntryKind.DISPUTE_RESOLVED)[1:]
    assert "overdue=yes" in decode(last.entry).texts(Field.DETAIL)
    assert books.table.lapsed(books.now_ms + 10, 10) == []


def test_who_no_longer_leads_marks_nothing(books: Books) -> None:
    """Past its term a leader writes neither the mark nor the entry."""
    books.open(1)
    books.now_ms += 72 * HOUR_MS + 1
    clock = DisputeClock(books.table, books.log, now=lambda: books.now_ms / 1000)
    with pytest.raises(LeaderLostError):
        clock.check(Mandate(term=1))
    assert (books.rows(EntryKind.DISPUTE_OVERDUE), books.check()) == ([], 1)


def test_what_is_resolved_is_forgotten_in_time(books: Books) -> None:
    """After its days a resolved dispute is gone, with an entry; what is open, young or held stays."""
    for number in (1, 2, 3):
        books.open(number)
    old, young = (dispute_id("tax", number.to_bytes(16, "big")) for number in (1, 2))
    day_ms = 24 * HOUR_MS
    office = office_of(books)
    office.resolve(old, Decided.UPHELD, SIGNER, now_ms=START_MS)
    office.resolve(young, Decided.UPHELD, SIGNER, now_ms=START_MS + day_ms)
    books.now_ms = START_MS + 90 * day_ms + 1

    def forgetting(*hold: str) -> DisputeForgetting:
        return DisputeForgetting(books.table, books.log, now_ms=lambda: books.now_ms, days=90, hold=hold)

    assert forgetting("tax").forget(LEADS) == 0
    with pytest.raises(LeaderLostError):
        forgetting().forget(Mandate(term=1))
    assert len(books.table.newest(10)) == 3
    assert forgetting("health").forget(LEADS) == 1
    assert forgetting().forget(LEADS) == 0
    assert (books.table.find(old), len(books.table.newest(10))) == (None, 2)
    (said,) = books.rows(EntryKind.RETENTION_APPLIED)
    assert decode(said.entry).texts(Field.DETAIL) == ["disputes=1"]
    books.now_ms += 1_000 * day_ms
    assert forgetting().forget(LEADS) == 1
    assert [each.standing.state for each in books.table.newest(10)] == [State.OPENED]


def test_two_at_once_move_it_once(books: Books) -> None:
    """Who moves what has moved meanwhile is refused, and leaves no entry."""
    books.open(1)
    found = books.table.find(dispute_id("tax", (1).to_bytes(16, "big")))
    assert found is not None
    office_of(books).resolve(found.id, Decided.UPHELD, SIGNER, now_ms=START_MS)
    from verifier.dispute import entries

    with pytest.raises(DisputeStateError, match="moved meanwhile"):
        entries.move(books.log, found, found.standing.lapse(found.standing.due_ms + 1), now_ms=START_MS)
    assert books.rows(EntryKind.DISPUTE_OVERDUE) == []


def office_of(books: Books) -> Office:
    """Open the office for one officer."""
    return Office(
        realm=Realm(registry_id="registry", environment="development"),
        officers={SIGNER.key_id: SIGNER.public_key},
        table=books.table,
        log=books.log,
    )


def test_finding_an_answer(books: Books) -> None:
    """An answer is found by its own agency, its whole digest, its kind and its second, and by nothing less."""
    cases = [  # milliseconds after the reference's second began, agency, kind, whether it is found
        (-1, "tax", EntryKind.VERIFY, False),
        (0, "tax", EntryKind.VERIFY, True),
        (1, "health", EntryKind.VERIFY, False),
        (2, "tax", EntryKind.REPLAY, False),
        (3, "tax", EntryKind.REFUSED, False),
        (999, "tax", EntryKind.VERIFY, True),
        (1_000, "tax", EntryKind.VERIFY, False),
    ]
    digests = [hashlib.sha256(bytes((number,))).digest() for number in range(len(cases))]
    for digest, (late_ms, agency, kind, _) in zip(digests, cases, strict=True):
        books.now_ms = START_MS + late_ms
        books.commit(answered(agency, digest, kind))
    books.now_ms = START_MS + 3_600_000
    books.commit(answered(digest=bytes(32)))
    for place, (digest, case) in enumerate(zip(digests, cases, strict=True), 1):
        reference = contest.parse(contest.make(START_MS, digest).decode(), answered_ms=None)
        answer = books.table.find_answer("tax", reference, digest)
        assert (answer is not None) is case[3], case
        if answer is not None:
            assert (answer.sequence, answer.claims) == (place, (1, 4))
        near = contest.parse(digest[:8].hex(), answered_ms=START_MS + 30_000)
        whatever = case[1] == "tax" and case[2] == EntryKind.VERIFY
        assert (books.table.find_answer("tax", near, digest) is not None) is whatever, case
        far = contest.parse(digest[:8].hex(), answered_ms=START_MS + 120_000)
        assert books.table.find_answer("tax", far, digest) is None
    # Half a digest is none, and one that stands elsewhere in an entry is none either.
    reference = contest.parse(contest.make(START_MS, digests[1]).decode(), answered_ms=None)
    for wrong in (digests[1][:31] + b"\0", b"noise=" + DIGEST.hex().encode()[:26]):
        assert books.table.find_answer("tax", reference, wrong) is None


def test_pages_go_on_where_they_ended(books: Books) -> None:
    """Disputes come newest first, those of one moment by id, and no page repeats or leaves one out."""
    for number in range(1, 8):
        books.now_ms = START_MS + number // 3
        books.open(number)
    whole = books.table.newest(10)
    opened = [dispute.standing.opened_ms for dispute in whole]
    assert opened == sorted(opened, reverse=True)
    paged, before = [], None
    while page := books.table.newest(2, agency="tax", before=before):
        paged += page
        before = (page[-1].standing.opened_ms, page[-1].id)
    assert [dispute.id for dispute in paged] == [dispute.id for dispute in whole]
    assert books.table.newest(10, agency="health") == []
    office_of(books).resolve(whole[0].id, Decided.UPHELD, SIGNER, now_ms=START_MS)
    assert [each.id for each in books.table.newest(10, unresolved=True)] == [each.id for each in whole[1:]]
