"""A dispute about an answer with captures, from the question to the officer: on simulated ground, with a real log."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from keys.seal import SealKey
from padan import canonical, commitment, info
from padan.dispute import Order
from padan.entry import EntryKind, Field, decode
from padan.sealing import Recipient
from padan.v1 import dispute_pb2, verification_pb2
from padan.vocabulary import Attribute
from tests.people import BUDI
from tests.simulator.booth import Booth, answer_of, kept, last_row
from tests.simulator.world import REALM, START, Journal, World
from tests.terms import Present, Terms
from verifier.directory import Directory
from verifier.dispute import casefile
from verifier.dispute.desk import Desk
from verifier.dispute.errors import CaseFileError
from verifier.dispute.table import DisputeTable
from verifier.errors import InvalidFieldError
from verifier.group_writer import GroupWriter
from verifier.limiter import RateLimiter
from verifier.log.open import open_log
from verifier.logtime import ClockFlag, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.asked import AskedQuestion
    from verifier.dispute.casefile import CaseFile
    from verifier.log.store import LogStore

OFFICER = Recipient(bytes(range(32)))
NAME, FACE, FINGER, IRIS = Attribute.NAME, Attribute.FACE, Attribute.FINGER, Attribute.IRIS


@dataclass(slots=True, kw_only=True)
class Counter:
    """A counter where residents are captured, and the desk at which its agency disputes what it was told."""

    booth: Booth
    desk: Desk
    table: DisputeTable
    log: LogStore
    captured: list[bytes] = field(default_factory=list)

    def ask(self, *modalities: str) -> tuple[AskedQuestion, str]:
        """Ask with a wrong name and another person's captures: what the agency keeps, and the reference."""
        booth = self.booth
        question = booth.question(BUDI["NIK"], claims={int(NAME): "SITI RAHAYU"})
        probes = [
            booth.probe(question, each, booth.seen(booth.sari), position=0 if each == "face" else 1)
            for each in modalities
        ]
        answer = answer_of(booth.reply(question, *probes))
        self.captured = [each.sealed[32:] for each in probes]
        with self.log.transaction() as transaction:
            transaction.write({}, int(START) // 86_400, [last_row(booth.world)], [])
        return kept(question, *probes), answer.contest

    def message(
        self, asked: AskedQuestion, contest: str, *claims: Attribute
    ) -> dispute_pb2.OpenDisputeRequest:
        """Write what the agency's client sends."""
        told = verification_pb2.GetServiceInfoResponse(
            registry_id=REALM.registry_id, environment=REALM.environment, agency_id="clinic"
        )
        told.keys.add(
            purpose="dispute", key_id=OFFICER.key_id, algorithm="X25519", public_key=OFFICER.public_key
        )
        order = Order.build(asked, contest=contest, claims=claims)
        return dispute_pb2.OpenDisputeRequest.FromString(order.sealed(info.read(told)))

    def open(self, message: dispute_pb2.OpenDisputeRequest) -> CaseFile:
        """Open a dispute; the file that the officer gets."""
        body = self.desk.open_dispute(self.booth.world.call("clinic", message))
        opened = dispute_pb2.OpenDisputeResponse.FromString(body).dispute
        dispute = self.table.find(opened.dispute_id)
        assert dispute is not None
        answer = self.table.answer_at(dispute.answer)
        assert answer is not None
        return casefile.decode(casefile.encode(casefile.of(REALM, dispute, answer)))


@pytest.fixture
def counter(log_database: str) -> Iterator[Counter]:
    """On each engine."""
    world = World(seed=9, agencies={"clinic": Terms(present=Present())}, people=[dict(BUDI)])
    booth, seal = Booth(world), SealKey(bytes(32))
    booth.enrol(BUDI["NIK"], "face", booth.budi)
    with closing(open_log(log_database)) as log, closing(Directory(log_database)) as directory:
        writer = GroupWriter(
            store=log,
            settlement=Settlement(signer=None, replay_seal=lambda _day: seal),
            clock=lambda _seconds, last_ms: LogTime(
                ms=max(last_ms, int(START * 1000)), flag=ClockFlag.IN_STEP
            ),
        )
        desk = Desk(
            gate=world.gate,
            agreements=world.agreements,
            openings=RateLimiter(),
            readings=RateLimiter(),
            table=DisputeTable(directory),
            journal=Journal(writer),
            now=world.clocks,
            key_id=OFFICER.key_id,
            days=30,
            limit=10,
        )
        yield Counter(booth=booth, desk=desk, table=DisputeTable(directory), log=log)


@pytest.mark.parametrize(
    ("captured", "disputed"),
    [
        (("face",), (FACE,)),
        (("finger", "finger"), (FINGER,)),
        (("iris", "face"), (IRIS, FACE)),
        (("face",), (NAME, FACE)),
        (("face", "finger", "iris"), (NAME,)),
    ],
)
def test_the_officer_learns_whom_and_which_and_no_value(
    counter: Counter, captured: tuple[str, ...], disputed: tuple[Attribute, ...]
) -> None:
    """The chain from the log's leaf to the number holds; what is kept has neither a template nor a value."""
    asked, contest = counter.ask(*captured)
    message = counter.message(asked, contest, *disputed)
    file = counter.open(message)
    assert casefile.read(file, OFFICER).nik == BUDI["NIK"]
    assert file.case.claims == tuple(sorted(map(int, disputed)))
    asked_for = [Attribute[each.upper()] for each in dict.fromkeys(captured)]
    assert casefile.asked(file) == (NAME, *asked_for)
    assert decode(file.entry).kind == EntryKind.VERIFY_BIOMETRIC
    committed = canonical.decode(file.case.statement)[commitment.PROBES_FIELD]
    assert committed == b"".join(asked.commitments)
    assert len(committed) == 32 * len(captured)
    stored = message.SerializeToString() + casefile.encode(file)
    for secret in (*(each[8:40] for each in counter.captured), b"SITI RAHAYU", BUDI["NIK"].encode()):
        assert secret not in stored
    (entry,) = [each for each in counter.log.entries(0, 10) if each.kind == EntryKind.DISPUTE_OPENED]
    assert decode(entry.entry).fields[Field.REQUEST_DIGEST] == asked.digest("clinic")


def test_without_the_captures_it_is_another_question(counter: Counter) -> None:
    """A statement of the question alone, or with other captures, is refused: it is not what the log holds."""
    asked, contest = counter.ask("face", "finger")
    good = counter.message(asked, contest, NAME)
    other, _ = counter.ask("face")
    alone = canonical.decode(good.statement)
    del alone[commitment.PROBES_FIELD]
    for each in (canonical.encode(alone), counter.message(other, contest, NAME).statement):
        changed = dispute_pb2.OpenDisputeRequest.FromString(good.SerializeToString())
        changed.statement = each
        with pytest.raises(InvalidFieldError) as refused:
            counter.open(changed)
        assert refused.value.field == "statement"
    counter.open(good)


def test_what_was_not_captured_is_not_disputed(counter: Counter) -> None:
    """The service refuses a modality that the answer has no verdict for, and the officer's file shows one as well."""
    asked, contest = counter.ask("face")
    message = counter.message(asked, contest, FACE)
    message.claims[:] = [int(FINGER)]  # type: ignore[list-item]  # the same numbers, another type
    with pytest.raises(InvalidFieldError) as refused:
        counter.open(message)
    assert refused.value.field == "claims"
    everything = sorted(map(int, Attribute))
    for count, rule in ((27, "claims of the question that was answered"), (28, "1 to 27 attributes")):
        message.claims[:] = [*everything, 0][:count]  # type: ignore[assignment]  # as above
        with pytest.raises(InvalidFieldError, match=rule):
            counter.open(message)
    file = counter.open(counter.message(asked, contest, FACE))
    forged = replace(file, case=replace(file.case, claims=(int(FINGER),)))
    with pytest.raises(CaseFileError, match="not one of the question's"):
        casefile.read(forged, OFFICER)
    with pytest.raises(CaseFileError, match="entry is malformed"):
        casefile.asked(replace(file, entry=b"\xff"))
