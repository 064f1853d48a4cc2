"""Disputes as an agency's program and its command line open and read them, against the simulator."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import pytest

import padan
from padan import aio, client, commitment, dispute, opening
from padan.biometric import template
from padan.capture import Capture
from padan.cli.console import ExitCode
from padan.errors import ConflictError, DisputeError, InternalError, InvalidRequestError
from padan.sealing import Recipient
from padan.v1 import dispute_pb2, verification_pb2
from padan.vocabulary import Attribute, DisputeOutcome, DisputeState, Modality
from tests.simulator.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.service import Service
    from tests.simulator.terminal import Ended

OFFICER = Recipient(bytes(range(32)))
CONTEST = "6b0b68c652373d205d0f2526"


@pytest.fixture
def question(asked: dict[str, Any]) -> padan.Question:
    """The question that was answered."""
    return padan.Question.build(**asked)


@pytest.fixture
def open_service(service: Service) -> Service:
    """A simulator that takes disputes."""
    service.info.agency_id = "clinic"
    service.info.keys.add(
        purpose="dispute", key_id=OFFICER.key_id, algorithm="X25519", public_key=OFFICER.public_key
    )
    return service


def test_opening_names_claims_and_shows_nobody(
    open_service: Service, files: dict[str, Any], question: padan.Question
) -> None:
    """The message holds commitments and a box; the officer opens it to the number, and no value is in it."""
    with client.Client.from_files(open_service.address, **files, timeout=5) as link:
        opened = link.open_dispute(question, contest=CONTEST, claims=["name"])
    assert (opened.contest, opened.claims, opened.state) == (
        CONTEST,
        (Attribute.NAME,),
        DisputeState.OPENED,
    )
    assert opened.due_at == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC) + timedelta(days=3)
    assert (opened.outcome, opened.overdue_at, opened.resolved) == (None, None, False)
    (body,) = open_service.disputes.opened
    asked = verification_pb2.VerifyRequest.FromString(question.body)
    for secret in (asked.nik, asked.claims[0].value, asked.claims[1].value):
        assert secret.encode() not in body
    assert asked.blind not in body
    sent = dispute_pb2.OpenDisputeRequest.FromString(body)
    assert (sent.officer, sent.key_id, sent.HasField("answered_at")) == ("desk-7", OFFICER.key_id, False)
    assert uuid.UUID(sent.request_id).version == 4
    assert commitment.statement_digest(sent.statement) == question.digest("clinic")
    found = opening.unseal(
        sent.box,
        statement=sent.statement,
        registry_id="registry.test",
        environment="development",
        recipient=OFFICER,
    )
    assert found.nik == asked.nik


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_what_was_captured_is_disputed_as_a_claim_is(
    kind: str, open_service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The statement has the captures' commitments and makes the logged digest; no template is in the message."""
    question = padan.Question.build(**asked | {"claims": {"name": "Sitti"}, "beside_captures": True})
    data = template.face([0.25] * 192).SerializeToString()
    captures = [Capture(modality=Modality.FACE, extractor=template.extractor("seen", "1.0"), template=data)]
    kept = padan.AskedQuestion.decode(padan.AskedQuestion.of(question, captures).encode())
    if kind == "sync":
        with client.Client.from_files(open_service.address, **files, timeout=5) as link:
            opened = link.open_dispute(kept, contest=CONTEST, claims=["name", "face"])
            for claims in (["finger"], ["birth_date"], ["face", "face"]):
                with pytest.raises(InvalidRequestError):
                    link.open_dispute(kept, contest=CONTEST, claims=claims)
            with pytest.raises(InvalidRequestError):
                link.open_dispute(question, contest=CONTEST, claims=["face"])
    else:

        async def run() -> dispute.Dispute:
            async with aio.Client.from_files(open_service.address, **files, timeout=5) as link:
                return await link.open_dispute(kept, contest=CONTEST, claims=["name", "face"])

        opened = asyncio.run(run())
    assert opened.claims == (Attribute.NAME, Attribute.FACE)
    (body,) = open_service.disputes.opened
    sent = dispute_pb2.OpenDisputeRequest.FromString(body)
    assert commitment.statement_digest(sent.statement) == question.digest("clinic", captures)
    assert data[8:40] not in body
    assert hashlib.sha256(data).digest() not in body
    found = opening.unseal(
        sent.box,
        statement=sent.statement,
        registry_id="registry.test",
        environment="development",
        recipient=OFFICER,
    )
    assert found.nik == asked["nik"]


def test_a_retry_sends_the_same(
    open_service: Service, files: dict[str, Any], question: padan.Question
) -> None:
    """After an outage the same bytes go again, box included."""
    calls = iter((True, False))

    def once(context: grpc.ServicerContext) -> None:
        if next(calls):
            refuse(context, grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE")

    open_service.disputes.step = once
    with client.Client.from_files(open_service.address, **files, timeout=5) as link:
        link.open_dispute(question, contest=CONTEST, claims=[Attribute.NAME], officer="desk-8")
    assert len(open_service.disputes.opened) == 2
    assert len(set(open_service.disputes.opened)) == 1


def test_what_the_client_refuses(
    open_service: Service, files: dict[str, Any], question: padan.Question
) -> None:
    """Claims that were not asked, none, or one twice are refused before anything is sent."""
    with client.Client.from_files(open_service.address, **files, timeout=5) as link:
        for claims in ([], ["sex"], ["name", "name"]):
            with pytest.raises(InvalidRequestError):
                link.open_dispute(question, contest=CONTEST, claims=claims)
        open_service.info.agency_id = ""
        with pytest.raises(InternalError):
            link.open_dispute(question, contest=CONTEST, claims=["name"])
        del open_service.info.keys[-1]
        with pytest.raises(DisputeError) as refused:
            link.open_dispute(question, contest=CONTEST, claims=["name"])
    assert refused.value.reason == "DISPUTES_CLOSED"
    assert open_service.disputes.opened == []


def test_refusals_keep_their_reason(
    open_service: Service, files: dict[str, Any], question: padan.Question
) -> None:
    """What the service refuses is raised with its reason and next step."""
    with client.Client.from_files(open_service.address, **files, timeout=5) as link:
        for code, reason, kind in (
            (grpc.StatusCode.NOT_FOUND, "UNKNOWN_CONTEST", DisputeError),
            (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_DISPUTED", ConflictError),
        ):
            open_service.disputes.step = partial(refuse, code=code, reason=reason)
            with pytest.raises(kind) as refused:
                link.open_dispute(question, contest=CONTEST, claims=["name"])
            assert (refused.value.reason, bool(refused.value.next_step)) == (reason, True)
        with pytest.raises(DisputeError) as refused:
            link.dispute("a" * 16)
    assert refused.value.reason == "UNKNOWN_DISPUTE"


def test_both_clients_read_all_pages(
    open_service: Service, files: dict[str, Any], question: padan.Question
) -> None:
    """Lists go over pages, newest first; both clients return the same values."""
    with client.Client.from_files(open_service.address, **files, timeout=5) as link:
        for _ in range(5):
            link.open_dispute(question, contest=CONTEST, claims=["name"])
        open_service.disputes.kept[0].state = dispute_pb2.DISPUTE_STATE_RESOLVED
        open_service.disputes.kept[0].outcome = dispute_pb2.DISPUTE_OUTCOME_CORRECTED
        whole, unresolved = link.disputes(), link.disputes(unresolved=True)
        last = link.dispute(whole[-1].dispute_id)
    assert (len(whole), len(unresolved)) == (5, 4)
    assert (last.resolved, last.outcome) == (True, DisputeOutcome.CORRECTED)

    async def run() -> None:
        async with aio.Client.from_files(open_service.address, **files, timeout=5) as link:
            assert await link.disputes() == whole
            assert await link.dispute(last.dispute_id) == last
            await link.open_dispute(question, contest=CONTEST, claims=["name"])

    asyncio.run(run())
    assert len(open_service.disputes.kept) == 6
    for name in ("open_dispute", "dispute", "disputes"):
        mine, its = (inspect.signature(getattr(kind, name)) for kind in (client.Client, aio.Client))
        assert mine.parameters == its.parameters


def test_words_of_a_later_release() -> None:
    """A state that this release does not know reads as in review, an outcome as none, a claim is left out."""
    read = dispute.read(
        dispute_pb2.Dispute(
            state=dispute_pb2.DisputeState.ValueType(99),
            outcome=dispute_pb2.DisputeOutcome.ValueType(99),
            claims=[1, 9999],  # type: ignore[list-item]  # a number of a later release
        )
    )
    assert (read.state, read.outcome, read.claims) == (DisputeState.IN_REVIEW, None, (Attribute.NAME,))
    assert (read.opened_at, read.due_at) == (None, None)


def test_the_command_line(
    padan: Callable[..., Ended], open_service: Service, question: padan.Question, tmp_path: Path
) -> None:
    """Opened, shown and listed, for people and for programs, without a word about the person."""
    (tmp_path / "question.bin").write_bytes(question.body)
    request_id = str(uuid.uuid4())
    words = ("dispute", "open", CONTEST, "--request", "question.bin", "--claim", "name")
    ended = padan(*words, "--claim", "birth-date", "--request-id", request_id, "--json")
    assert ended.code == 0, ended.err
    opened = json.loads(ended.out)
    assert opened == {
        "dispute": opened["dispute"],
        "request_id": request_id,
        "contest": CONTEST,
        "claims": ["name", "birth_date"],
        "state": "opened",
        "outcome": None,
        "opened": "2026-11-18T11:06:40Z",
        "due": "2026-11-21T11:06:40Z",
        "changed": "2026-11-18T11:06:40Z",
        "overdue": None,
        "officer": None,
    }
    kept = open_service.disputes.kept[0]
    kept.state, kept.outcome = dispute_pb2.DISPUTE_STATE_RESOLVED, dispute_pb2.DISPUTE_OUTCOME_NOT_OURS
    kept.overdue_at.FromSeconds(1_795_259_201)
    shown = padan("dispute", "show", opened["dispute"])
    assert "outcome    not_ours" in shown.out
    listed = padan("dispute", "list")
    assert listed.out.split()[:3] == [opened["dispute"], "resolved", "not_ours"]
    assert "OVERDUE" in listed.out
    assert json.loads(padan("dispute", "list", "--json").out)[0]["outcome"] == "not_ours"
    assert json.loads(padan("dispute", "list", "--unresolved", "--json").out) == []
    old = padan(
        "dispute",
        "open",
        CONTEST[8:],
        "--request",
        "question.bin",
        "--claim",
        "name",
        "--answered-at",
        "2026-11-18T11:06:40Z",
    )
    sent = dispute_pb2.OpenDisputeRequest.FromString(open_service.disputes.opened[-1])
    assert (old.code, sent.answered_at.seconds) == (0, 1_795_000_000)
    nik = verification_pb2.VerifyRequest.FromString(question.body).nik
    assert all(nik not in said.out + said.err for said in (ended, shown, listed, old))


def test_the_command_line_tells_what_is_wrong(
    padan: Callable[..., Ended], open_service: Service, tmp_path: Path
) -> None:
    """A missing file, one that is no question, and a dispute that there is not: each has a cause and a next step."""
    words = ("dispute", "open", CONTEST, "--claim", "name", "--request")
    missing = padan(*words, "nothing.bin")
    assert (missing.code, "padan verify --save-request" in missing.err) == (ExitCode.INPUT, True)
    (tmp_path / "other.bin").write_bytes(b"\xff")
    assert padan(*words, "other.bin").code == ExitCode.INPUT
    unknown = padan("dispute", "show", "a" * 16)
    assert (unknown.code, "[UNKNOWN_DISPUTE]" in unknown.err) == (ExitCode.REFUSED, True)
    assert open_service.disputes.opened == []
