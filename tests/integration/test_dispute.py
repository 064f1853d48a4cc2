"""Disputes over the wire: an agency opens one, the registry's officer decides it, and the agency learns that."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import grpc
import pytest
from sqlalchemy import select, update

from keys import signing
from padan import opening, sealing
from padan.cli.console import ExitCode
from padan.dispute import OPEN_DISPUTE, Order, read
from padan.entry import EntryKind, Field
from padan.errors import (
    ConflictError,
    DisputeError,
    InvalidRequestError,
    PadanError,
    QuotaError,
)
from padan.question import Question
from padan.v1 import dispute_pb2, dispute_pb2_grpc, verification_pb2
from padan.vocabulary import Attribute, DisputeOutcome, DisputeState
from tests.integration.court import CONTEST_DAYS, LIMIT, Court, hold_court, patiently
from tests.people import BUDI, SARI
from tests.simulator.booth import Booth, answer_of, kept, last_row
from tests.simulator.world import World
from tests.terms import Present, Terms
from verifier import schema
from verifier.agreement import signkey
from verifier.dispute import casefile
from verifier.dispute.clock import DisputeClock
from verifier.dispute.errors import CaseFileError, DecisionError, DisputeStateError, NoSuchDisputeError
from verifier.dispute.state import Outcome
from verifier.dispute.table import DisputeTable
from verifier.leader import Mandate
from verifier.log.open import open_log
from verifier.log.store import LeaderLostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from padan.answer import Verification
    from tests.postgres import PostgresServer


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def court(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """Two workers on each engine."""
    with contextlib.ExitStack() as opened:
        url = ""
        if request.param == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = server.make_database()
            opened.callback(server.drop_database, url)
        yield opened.enter_context(hold_court(tmp_path_factory.mktemp("court"), url))


def test_from_a_wrong_answer_to_its_correction(court: Court, tmp_path: Path) -> None:
    """The agency opens, the officer reads and decides, the agency learns it; every step is an entry of the agency's."""
    question, answer = asked = court.ask()
    dispute = court.open(asked, claims=["name", "birth_date"])
    assert (dispute.state, dispute.outcome, dispute.resolved) == (DisputeState.OPENED, None, False)
    assert (dispute.contest, dispute.claims) == (answer.contest, (Attribute.NAME, Attribute.BIRTH_DATE))
    assert dispute.opened_at is not None
    assert dispute.due_at == dispute.opened_at + timedelta(hours=72)

    file = tmp_path / "case.json"
    shown = json.loads(court.run("dispute", "show", dispute.dispute_id, "--out", file, "--json"))
    assert (shown["agency"], shown["claims"], shown["state"]) == ("tax", ["name", "birth_date"], "opened")
    opened = json.loads(court.run("dispute", "read", file, "--key", court.folder / "dispute.key", "--json"))
    assert opened == {
        "dispute": dispute.dispute_id,
        "agency": "tax",
        "claims": ["name", "birth_date"],
        "asked": ["name", "birth_date"],
        "nik": BUDI["NIK"],
    }
    key = court.folder / "officer.key"
    court.run("dispute", "review", dispute.dispute_id, "--key", key)
    with court.service.client() as client:
        assert client.dispute(dispute.dispute_id).state is DisputeState.IN_REVIEW
        assert client.dispute(dispute.dispute_id).decision == b""
    assert "OVERDUE" not in court.run("dispute", "list", "--agency", "tax")
    words = ("dispute", "resolve", dispute.dispute_id, "--key", key, "--outcome")
    assert "use one of: corrected" in court.run(*words, "granted", code=ExitCode.USAGE)
    court.run(*words, "corrected")
    with court.service.client() as client:
        resolved = client.dispute(dispute.dispute_id)
        assert resolved in client.disputes()
        assert resolved not in client.disputes(unresolved=True)
    assert (resolved.state, resolved.outcome) == (DisputeState.RESOLVED, DisputeOutcome.CORRECTED)
    label = court.service.installation.realm.label("dispute-decision")
    signing.verify(court.officer, label + resolved.decision, resolved.signature)
    assert question.digest("tax") in resolved.decision

    about = f"dispute={dispute.dispute_id}"
    kinds = (EntryKind.DISPUTE_OPENED, EntryKind.DISPUTE_ADVANCED, EntryKind.DISPUTE_RESOLVED)
    steps = [entry for entry in court.entries(*kinds) if about in entry.texts(Field.DETAIL)]
    assert [entry.kind for entry in steps] == list(kinds)
    assert {entry.fields[Field.REQUEST_DIGEST] for entry in steps} == {question.digest("tax")}
    assert f"signature={resolved.signature.hex()}" in steps[-1].texts(Field.DETAIL)
    assert "outcome=corrected" in steps[-1].texts(Field.DETAIL)
    assert steps[0].text(Field.OFFICER) == "desk-7"
    stored = str(steps) + str(shown)
    assert BUDI["NIK"] not in stored
    assert BUDI["NAMA_LGKP"] not in stored


def test_what_was_captured_is_disputed_over_the_wire(court: Court, tmp_path: Path) -> None:
    """The officer learns whom the question was about, and which modality was asked and is disputed."""
    world = World(seed=3, agencies={"tax": Terms(present=Present())}, people=[dict(BUDI)], start=time.time())
    booth = Booth(world)
    question = booth.question(BUDI["NIK"])
    probe = booth.probe(question, "finger", booth.seen(booth.sari), agency="tax", position=2)
    contest = answer_of(booth.reply(question, probe, agency="tax")).contest
    log = open_log(court.service.installation.settings.log_database)
    with contextlib.closing(log), log.transaction() as transaction:
        row = last_row(world)
        transaction.write({}, row.log_time_ms // 86_400_000, [row], [])
    asked = kept(question, probe)
    with court.service.client() as client:
        with pytest.raises(PadanError) as refused:
            patiently(lambda: client.open_dispute(asked.question, contest=contest, claims=["finger"]))
        assert refused.value.reason == "INVALID_FIELD"
        dispute = patiently(lambda: client.open_dispute(asked, contest=contest, claims=["finger"]))
    assert dispute.claims == (Attribute.FINGER,)
    file = tmp_path / "case.json"
    court.run("dispute", "show", dispute.dispute_id, "--out", file)
    key = court.folder / "dispute.key"
    opened = json.loads(court.run("dispute", "read", file, "--key", key, "--json"))
    assert (opened["nik"], opened["claims"], opened["asked"]) == (BUDI["NIK"], ["finger"], ["finger"])
    assert "asked     finger" in court.run("dispute", "read", file, "--key", key)
    court.close(dispute)


def test_who_has_no_such_answer_hears_the_same(court: Court) -> None:
    """Unknown, foreign and too old references are refused alike: same status, same words, one entry each."""
    question, answer = asked = court.ask()
    foreign = _refusal(court, asked, "health")
    other = Question.build(
        nik=SARI["NIK"],
        claims={"name": "SARI"},
        purpose="service",
        officer="desk-7",
        legal_basis="public_task",
    )
    unknown = _refusal(court, (other, answer), contest=answer.contest[:8] + other.digest("tax")[:8].hex())
    long_ago = int(time.time()) - 86_400 * (CONTEST_DAYS + 1)
    old = _refusal(court, asked, contest=f"{long_ago:08x}" + question.digest("tax")[:8].hex())
    assert foreign == unknown == old
    assert foreign[0] is grpc.StatusCode.NOT_FOUND
    for agency in ("tax", "health"):
        refused = court.entries(EntryKind.REFUSED, agency=agency)[-1]
        assert refused.texts(Field.DETAIL) == ["method=OpenDispute", f"reader=agency/{agency}"]
        assert refused.fields.keys().isdisjoint({Field.SUBJECT, Field.REQUEST_DIGEST})


def _refusal(
    court: Court, asked: tuple[Question, Verification], agency: str = "tax", *, contest: str = ""
) -> tuple[grpc.StatusCode, str]:
    """Dispute without an answer; the statement is the caller's own, so that the reference fits it."""
    question, answer = asked
    with court.service.client(agency) as client:
        service = client.service_info()
    fitting = answer.contest[:8] + question.digest(agency)[:8].hex()
    order = Order.build(question, contest=contest or fitting, claims=["name"])
    body = order.sealed(service)
    while True:
        with court.service.channel(agency) as channel:
            method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(OPEN_DISPUTE)
            with pytest.raises(grpc.RpcError) as refused:
                method(body, timeout=5)
        if refused.value.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            return refused.value.code(), str(refused.value.details())
        time.sleep(0.1)


def test_an_opening_again_is_the_same_dispute(court: Court) -> None:
    """The same request_id is answered with the dispute that it opened; about something else it is refused."""
    asked = court.ask()
    request_id = str(uuid.uuid4())
    before = court.entries(EntryKind.DISPUTE_OPENED, EntryKind.REPLAY)
    first = court.open(asked, request_id=request_id)
    assert court.open(asked, request_id=request_id) == first
    written = court.entries(EntryKind.DISPUTE_OPENED, EntryKind.REPLAY)[len(before) :]
    assert [entry.kind for entry in written] == [EntryKind.DISPUTE_OPENED, EntryKind.REPLAY]
    with pytest.raises(ConflictError) as refused:
        court.open(asked, request_id=request_id, claims=["birth_date"])
    assert refused.value.reason == "REQUEST_ID_REUSED"
    with pytest.raises(ConflictError) as refused:
        court.open(asked)
    assert refused.value.reason == "ALREADY_DISPUTED"
    # The id is the agency's own: another one opens its own dispute under it.
    assert court.open(court.ask("health"), "health", request_id=request_id).dispute_id != first.dispute_id
    court.close(first)
    assert court.open(asked).dispute_id != first.dispute_id


def test_another_agency_sees_nothing_of_it(court: Court) -> None:
    """A dispute of another agency's is unknown, in the words for one that there is not, and in no list."""
    dispute = court.open(court.ask())
    with court.service.client("health") as client:
        said = []
        for wanted in (dispute.dispute_id, "a" * 16):
            with pytest.raises(DisputeError) as refused:
                client.dispute(wanted)
            said.append(str(refused.value))
        assert dispute.dispute_id not in {each.dispute_id for each in client.disputes()}
    assert said[0] == said[1]
    court.close(dispute)


def test_an_agency_has_only_so_many_at_once(court: Court) -> None:
    """Of many openings at the same time, over all workers, exactly as many succeed as are granted."""
    asked = [court.ask("crowd") for _ in range(LIMIT + 4)]

    def attempt(one: tuple[Question, Verification]) -> str:
        try:
            court.open(one, "crowd")
        except QuotaError as error:
            return error.reason
        return ""

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, asked))
    assert outcomes.count("") == LIMIT
    assert outcomes.count("TOO_MANY_DISPUTES") == 4
    assert len(court.entries(EntryKind.DISPUTE_OPENED, agency="crowd")) == LIMIT


def test_a_forged_opening_is_found_out(court: Court) -> None:
    """Sealing another person's number to the officer: the service cannot see it, the officer refuses it."""
    question, answer = court.ask()
    honest = Order.build(question, contest=answer.contest, claims=["name"])
    with court.service.client() as client:
        service = client.service_info()
    message = dispute_pb2.OpenDisputeRequest.FromString(honest.sealed(service))
    key = service.key("dispute")
    assert key is not None
    other = verification_pb2.VerifyRequest.FromString(question.body)
    other.nik = SARI["NIK"]
    # Sealed for this question, with the right key of the commitment, but another subject.
    info = opening._info(service.registry_id, service.environment, question.digest("tax"))
    message.box = sealing.seal(opening.of(other).encode(), public_key=key.public_key, info=info)
    with court.service.channel() as channel:
        stub = dispute_pb2_grpc.DisputeServiceStub(channel)
        answered = patiently(lambda: stub.OpenDispute(message, timeout=5))
    dispute_id = answered.dispute.dispute_id
    case = court.case(dispute_id)
    recipient = signkey.load_recipient(court.folder / "dispute.key")
    with pytest.raises(CaseFileError, match="not of the subject that was asked about") as found:
        casefile.read(case, recipient)
    assert SARI["NIK"] not in str(found.value)
    with pytest.raises(CaseFileError, match="does not open"):
        casefile.read(case, signkey.load_recipient(court.folder / "other.key"))
    court.close(read(answered.dispute))


def test_a_changed_file_is_found_out(court: Court) -> None:
    """Whatever of a dispute's file is changed, the officer is shown no number."""
    dispute = court.open(court.ask())
    recipient = signkey.load_recipient(court.folder / "dispute.key")
    content = json.loads(casefile.encode(court.case(dispute.dispute_id)))
    assert casefile.read(casefile.decode(json.dumps(content).encode()), recipient).nik == BUDI["NIK"]
    for name in ("registry", "environment", "agency", "case", "entry", "salt", "leaf"):
        changed = dict(content)
        if name in {"registry", "environment", "agency"}:
            changed[name] = "another"
        else:
            data = bytearray(base64.b64decode(content[name]))
            data[-1] ^= 1
            changed[name] = base64.b64encode(data).decode()
        with pytest.raises(CaseFileError):
            casefile.read(casefile.decode(json.dumps(changed).encode()), recipient)
    court.close(dispute)


def test_what_is_overdue_is_noted_once(court: Court) -> None:
    """When the agreement's hours are over an entry says so, once whoever looks, and the agency sees it."""
    installation = court.service.installation
    dispute = court.open(court.ask("late"), "late")
    directory, log = installation.directory(), open_log(installation.settings.log_database)
    try:
        clocks = [DisputeClock(DisputeTable(directory), log, now=time.time) for _ in range(2)]
        with directory.reading() as connection:
            leads = Mandate(term=connection.execute(select(schema.leader.c.term)).scalar_one())
        assert sum(clock.check(leads) for clock in clocks) == 0
        with directory.writing() as connection:  # as if it had been opened 72 hours and a second ago
            connection.execute(
                update(schema.dispute)
                .where(schema.dispute.c.id == dispute.dispute_id)
                .values(due_ms=int(time.time() * 1000) - 1_000)
            )
        with pytest.raises(LeaderLostError):
            clocks[0].check(Mandate(term=leads.term + 1))
        with ThreadPoolExecutor(2) as pool:
            marked = list(pool.map(lambda clock: clock.check(leads), clocks))
        assert sum(marked) <= 1  # the service's own may have been there before
        assert clocks[0].check(leads) == 0
    finally:
        log.close()
        directory.close()
    (entry,) = court.entries(EntryKind.DISPUTE_OVERDUE, agency="late")
    assert f"dispute={dispute.dispute_id}" in entry.texts(Field.DETAIL)
    with court.service.client("late") as client:
        found = client.dispute(dispute.dispute_id)
    assert (found.state, found.overdue_at is not None) == (DisputeState.OPENED, True)
    court.close(dispute)
    with court.service.client("late") as client:
        assert client.dispute(dispute.dispute_id).overdue_at == found.overdue_at


def test_only_an_officer_decides_and_once(court: Court) -> None:
    """A stranger's key, a second decision and a dispute that there is not are refused."""
    dispute = court.open(court.ask())
    now_ms = int(time.time() * 1000)
    stranger, officer = (
        signkey.load(court.folder / f"{name}.key", use=signkey.OFFICER) for name in ("stranger", "officer")
    )
    with court.office() as office:
        with pytest.raises(DecisionError, match="not an officer's of this registry"):
            office.resolve(dispute.dispute_id, Outcome.UPHELD, stranger, now_ms=now_ms)
        office.resolve(dispute.dispute_id, Outcome.UPHELD, officer, now_ms=now_ms)
        with pytest.raises(DisputeStateError, match="it cannot become"):
            office.resolve(dispute.dispute_id, Outcome.CORRECTED, officer, now_ms=now_ms)
        with pytest.raises(NoSuchDisputeError):
            office.review("a" * 16, officer, now_ms=now_ms)
    with court.service.client() as client:
        assert client.dispute(dispute.dispute_id).outcome is DisputeOutcome.UPHELD


def test_what_does_not_fit_is_refused_by_its_field(court: Court) -> None:
    """Claims that were not asked, a statement of another question, another key: each is named, and logged."""
    question, answer = court.ask(name="SITI RAHAYU")
    order = Order.build(question, contest=answer.contest, claims=["name"])
    with court.service.client() as client:
        service = client.service_info()
    for change, reason, name in (
        ({"claims": [int(Attribute.SEX)]}, "INVALID_FIELD", "claims"),
        ({"claims": []}, "INVALID_FIELD", "claims"),
        ({"statement": b"other"}, "INVALID_FIELD", "statement"),
        ({"box": b"\x02" + bytes(100)}, "INVALID_FIELD", "box"),
        ({"contest": "x"}, "INVALID_FIELD", "contest"),
        ({"officer": "a person"}, "INVALID_FIELD", "officer"),
        ({"request_id": "1"}, "INVALID_FIELD", "request_id"),
        ({"key_id": "a" * 43}, "KEY_NOT_CURRENT", ""),
    ):
        message = dispute_pb2.OpenDisputeRequest.FromString(order.sealed(service))
        for field_name, value in change.items():
            message.ClearField(field_name)  # type: ignore[arg-type]  # names of fields, all of them
            if isinstance(value, list):
                getattr(message, field_name).extend(value)
            else:
                setattr(message, field_name, value)
        body = message.SerializeToString()
        with court.service.client() as client, pytest.raises(PadanError) as refused:
            patiently(partial(client._call, client._open_dispute, body, None))
        assert refused.value.reason == reason
        assert [each.field for each in refused.value.fields] == ([name] if name else [])
        assert court.entries(EntryKind.REFUSED)[-1].texts(Field.DETAIL)[0] == "method=OpenDispute"


def test_a_reference_of_the_release_before(court: Court) -> None:
    """Sixteen characters are enough where the caller says when the answer came."""
    question, answer = court.ask()
    short = answer.contest[8:]
    with pytest.raises(InvalidRequestError) as refused:
        court.open((question, answer), contest=short)
    assert refused.value.fields[0].field == "answered_at"
    dispute = court.open((question, answer), contest=short, answered_at=datetime.now(UTC))
    assert dispute.contest == short
    court.close(dispute)


def test_others_than_agencies_open_nothing(court: Court) -> None:
    """An auditor's certificate is refused."""
    with court.service.client("watcher") as client, pytest.raises(PadanError) as refused:
        client.disputes()
    assert refused.value.reason == "METHOD_NOT_ALLOWED"
