"""Who asked about one resident: two auditors find it out together over a running service, and nobody else does."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from padan import entry as log_entry
from padan.audit import partfile, search, trailfile
from padan.audit.entries import Item, ServiceEntries
from padan.audit.keyfile import OwnShare
from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2, audit_pb2, audit_pb2_grpc, verification_pb2_grpc
from tests.auditing import MANDATE, REASON
from tests.people import BUDI, PEOPLE
from tests.service import request as question
from tests.service import running
from tests.terms import Terms
from tests.trails import WHY, desk, threshold
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import PostgresServer
    from tests.service import RunningService
    from tests.trails import Desk

NIK = BUDI["NIK"]
OTHER, THIRD = [person["NIK"] for person in PEOPLE if person["NIK"] != NIK][:2]
NOBODY = "9971014101909999"


def ask(service: RunningService, agency: str, nik: str, name: str, purpose: str = "service") -> None:
    """Ask about somebody."""
    with service.channel(agency) as channel:
        verification_pb2_grpc.VerificationServiceStub(channel).Verify(
            question(
                nik=nik,
                purpose=purpose,
                claims={attribute_pb2.ATTRIBUTE_NAME: name},
                request_id=str(uuid.uuid4()),
            ),
            timeout=5,
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningService, Desk]]:
    """A service with a key of three auditors, which two agencies have asked about two residents."""
    root = tmp_path_factory.mktemp("trail")
    url = postgres_server.make_database() if request.param == "postgresql" else ""
    installation, made = threshold(
        root / "installation", agencies={"tax": Terms(), "health": Terms()}, database=url
    )
    with running(installation) as service, desk(installation, made, root / "desk") as laid:
        ask(service, "tax", NIK, BUDI["NAMA_LGKP"])
        ask(service, "health", OTHER, "SOMEBODY ELSE")
        ask(service, "health", NIK, "SOMEBODY ELSE")
        yield service, laid


def entries_of(laid: Desk, kind: EntryKind) -> list[log_entry.Entry]:
    """Read the log's own entries of a kind."""
    log = open_log(laid.installation.settings.log_database)
    found = [log_entry.decode(item.entry) for item in log.entries(0, 10_000) if item.kind == kind]
    log.close()
    return found


def test_two_auditors_answer_a_resident(served: tuple[RunningService, Desk]) -> None:
    """Who asked, when, why and with which outcome: everything about this resident, nothing about another."""
    _, laid = served
    draft, signed, opened, part = (
        laid.file(f"budi.{step}") for step in ("draft", "signed", "opened", "part")
    )
    alpha, beta = laid.own("alpha"), laid.own("beta")
    for by, words in (
        ("alpha", ("propose", *alpha, *WHY, "--out", draft)),
        ("beta", ("sign", draft, *beta, "--out", signed)),
        ("alpha", ("open", signed, *alpha, "--out", opened)),
        ("beta", ("part", opened, *beta, *laid.share("beta"), "--yes", "--out", part)),
    ):
        done = laid.audit("subject", *words, nik=NIK, by=by)
        assert done.code == ExitCode.DONE, done.err
    folder = laid.file("budi")
    done = laid.audit(
        "subject", "report", opened, part, *alpha, *laid.share("alpha"), "--out", folder, "--json"
    )
    answer = json.loads(done.out)
    told = [(line["what"], line["agency"], line["purpose"], line["outcome"]) for line in answer["entries"]]
    assert [line for line in told if line[0] == "verify"] == [
        ("verify", "tax", "service", "match"),
        ("verify", "health", "service", "no_match"),
    ]
    assert told[-1] == ("trail_opened", "", "", "opened")
    assert answer["entries"][0]["asked_about"] == ["name"]
    assert (answer["late"], answer["for_the_auditor"]["unopened_entries"]) == (False, 0)
    assert (folder / "answer.pdf").read_bytes().startswith(b"%PDF-")
    rows = list(csv.DictReader((folder / "answer.csv").read_text().splitlines()))
    assert [row["agency"] for row in rows] == [line[1] for line in told]
    written = json.loads((folder / "answer.json").read_text())
    assert "for_the_auditor" not in written
    for path in [*folder.iterdir(), *laid.folder.glob("budi.*")]:
        assert path.stat().st_mode & 0o077 == 0, path
        assert NIK.encode() not in path.read_bytes(), path


def test_the_opening_is_an_entry_about_the_resident(served: tuple[RunningService, Desk]) -> None:
    """The log says which two auditors opened a trail, why and on what, before they had anything."""
    _, laid = served
    before = len(entries_of(laid, EntryKind.TRAIL_OPENED))
    opened = laid.opened(OTHER, "entry")
    entry = entries_of(laid, EntryKind.TRAIL_OPENED)[before:][0]
    detail = dict(text.split("=", 1) for text in entry.texts(Field.DETAIL))
    assert (detail["auditors"], detail["reader"]) == ("alpha,beta", "auditor/alpha")
    assert (detail["reason"], detail["mandate"]) == (REASON, MANDATE)
    content = trailfile.decode(opened.read_bytes(), laid.auditors.key)
    assert entry.fields[Field.REQUEST_ID] == content.opening.request_id
    assert {Field.SUBJECT, Field.NONCE, Field.PERIOD} <= entry.fields.keys()
    assert not any(OTHER.encode() in value for value in entry.fields.values())


def test_an_unknown_number_is_answered_alike(served: tuple[RunningService, Desk]) -> None:
    """Whether the registry holds a number shows in nothing but the entries that there are about it."""
    service, laid = served
    kinds = {}
    with laid.client() as client:
        for nik in (NOBODY, THIRD):
            ask(service, "tax", nik, "NO ONE")
            found = laid.found(nik, f"alike-{nik[-4:]}", ServiceEntries(client))
            kinds[nik] = [EntryKind(item.kind) for item in found]
    assert kinds[NOBODY] == kinds[THIRD] == [EntryKind.VERIFY, EntryKind.TRAIL_OPENED]


def test_a_file_of_entries_does_as_well(served: tuple[RunningService, Desk]) -> None:
    """Auditors who keep the entries answer from their copy; a changed line is an alarm."""
    _, laid = served
    copy = laid.file("entries.ndjson")
    copy.write_text(laid.audit("list", "--raw", "--limit", 0).out)
    opened, part = laid.opened(OTHER, "copied"), laid.file("copied.part")
    given = ("--entries", copy)
    done = laid.audit(
        "subject", "part", opened, *laid.own("beta"), *laid.share("beta"), *given, "--yes", "--out", part
    )
    assert done.code == ExitCode.DONE, done.err
    report = ("subject", "report", opened, part, *laid.own("alpha"), *laid.share("alpha"))
    done = laid.audit(*report, *given, "--out", laid.file("copied"))
    assert re.search(r"^[1-9]\d* entries about the resident, of \d+ looked at, 1 periods opened", done.out)
    assert "(3 x 24 h, UU 27/2022 art. 32); OVERDUE by" in done.out
    lines = copy.read_text().splitlines()
    line = json.loads(lines[-1])
    line["entry"] = line["entry"][:-2] + ("00" if line["entry"][-2:] != "00" else "01")
    copy.write_text("\n".join([*lines[:-1], json.dumps(line)]))
    done = laid.audit(*report, *given, "--out", laid.file("changed"))
    assert (done.code, "does not fit its leaf" in done.err) == (ExitCode.NO, True)


def test_the_clock_of_the_law_is_shown(served: tuple[RunningService, Desk]) -> None:
    """A request that is three days old is said to be overdue, in words and in the answer."""
    _, laid = served
    draft = laid.file("late.draft")
    given = (*laid.own("alpha"), *WHY, "--received", "2026-01-02T03:04:05Z", "--out", draft)
    done = laid.audit("subject", "propose", *given, nik=NIK)
    assert "asked 2026-01-02T03:04:05Z, due 2026-01-05T03:04:05Z (3 x 24 h); OVERDUE" in done.out
    done = laid.audit("subject", "propose", *given[:-4], "--received", "2099-01-01", "--out", "x", nik=NIK)
    assert (done.code, "in the future" in done.err) == (ExitCode.INPUT, True)


def refusal(caller: str, message: audit_pb2.OpenTrailRequest, service: RunningService) -> tuple[str, str]:
    """Ask as a caller who is refused, and not only for asking too fast: the reason and the words."""
    with service.channel(caller, audit=True) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        while (found := refusal_of(stub, message))[0] == "RATE_LIMITED":
            time.sleep(0.3)
    return found


def refusal_of(stub: audit_pb2_grpc.AuditServiceStub, message: audit_pb2.OpenTrailRequest) -> tuple[str, str]:
    """Ask once, and be refused."""
    with pytest.raises(grpc.RpcError) as refused:
        stub.OpenTrail(message, timeout=5)
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(refused.value)
    status.details[0].Unpack(info)
    return info.reason, str(status.message) + str(status.details[1:])


def test_what_two_auditors_have_not_agreed_to_is_refused(served: tuple[RunningService, Desk]) -> None:
    """One signature, the same auditor twice, a stranger's, another number, an auditor without the grant: no handles."""
    service, laid = served
    key, people = laid.auditors.key, laid.auditors.people
    asked = laid.message(NIK, "refused")
    alpha, beta = (
        next(each for each in asked.approvals if each.key_id == person.signer.key_id) for person in people[:2]
    )

    def changed(**fields: Any) -> audit_pb2.OpenTrailRequest:
        other = audit_pb2.OpenTrailRequest()
        other.CopyFrom(asked)
        for name, value in fields.items():
            other.ClearField(name)  # type: ignore[arg-type]  # one of the message's names
            if name == "approvals":
                other.approvals.extend(value)
            else:
                setattr(other, name, value)
        return other

    request_ = trailfile.decode(laid.file("refused.signed").read_bytes(), key)
    gamma = trailfile.sign(request_, people[2], key).approvals[people[2].signer.key_id]
    of_gamma = audit_pb2.TrailApproval(key_id=people[2].signer.key_id, signature=gamma)
    forged = audit_pb2.TrailApproval(key_id=beta.key_id, signature=alpha.signature)
    before = len(entries_of(laid, EntryKind.TRAIL_OPENED)), len(entries_of(laid, EntryKind.REFUSED))
    cases = [
        ("alpha", changed(approvals=[alpha]), "TRAIL_NOT_APPROVED"),
        ("alpha", changed(approvals=[alpha, alpha]), "TRAIL_NOT_APPROVED"),
        ("alpha", changed(approvals=[alpha, forged]), "TRAIL_NOT_APPROVED"),
        ("alpha", changed(approvals=[alpha, of_gamma]), "TRAIL_NOT_APPROVED"),
        ("gamma", asked, "METHOD_NOT_ALLOWED"),
        ("tax", asked, "METHOD_NOT_ALLOWED"),
        ("alpha", changed(nik=OTHER), "INVALID_FIELD"),
        ("alpha", changed(nik="1"), "INVALID_FIELD"),
        ("alpha", changed(blind=bytes(32)), "INVALID_FIELD"),
        ("alpha", changed(blind=b""), "INVALID_FIELD"),
        ("alpha", changed(proposal=asked.proposal[:-1]), "INVALID_FIELD"),
        ("alpha", changed(approvals=[alpha] * 40), "INVALID_FIELD"),
    ]
    for caller, sent, reason in cases:
        found, words = refusal(caller, sent, service)
        assert found == reason, words
        assert NIK not in words
    assert NIK not in service.messages()
    after = len(entries_of(laid, EntryKind.TRAIL_OPENED)), len(entries_of(laid, EntryKind.REFUSED))
    assert (after[0] - before[0], after[1] - before[1]) == (0, len(cases))


def test_an_auditor_who_asks_without_end_fills_no_log(served: tuple[RunningService, Desk]) -> None:
    """Beyond a few a second the refusals are counted and no entries."""
    service, laid = served
    before = len(entries_of(laid, EntryKind.REFUSED))
    with service.channel("gamma", audit=True) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        reasons = [refusal_of(stub, audit_pb2.OpenTrailRequest())[0] for _ in range(60)]
    limited = reasons.count("RATE_LIMITED")
    assert limited
    assert len(entries_of(laid, EntryKind.REFUSED)) - before == len(reasons) - limited


def test_a_proposal_is_executed_once(served: tuple[RunningService, Desk]) -> None:
    """The same proposal, sent again by either auditor, is refused."""
    service, laid = served
    asked = laid.message(NIK, "once")
    with service.channel("beta", audit=True) as channel:
        answer = audit_pb2_grpc.AuditServiceStub(channel).OpenTrail(asked, timeout=5)
    assert [len(handle) for handle in answer.handles] == [16, 16]
    for caller in ("beta", "alpha"):
        assert refusal(caller, asked, service)[0] == "TRAIL_ENDED"


def test_a_wrong_part_is_named(served: tuple[RunningService, Desk]) -> None:
    """A part with another auditor's share, a changed one, or of another request is refused with whose it is."""
    _, laid = served
    opened, again = laid.opened(OTHER, "wrong"), laid.opened(OTHER, "another")
    part = laid.file("wrong.part")
    given = (*laid.own("beta"), *laid.share("beta"))
    assert laid.audit("subject", "part", opened, *given, "--yes", "--out", part).code == ExitCode.DONE
    key, people, shares = laid.auditors.key, laid.auditors.people, laid.auditors.shares
    request_ = trailfile.decode(opened.read_bytes(), key)
    cheat = OwnShare(number=2, secret=bytearray(shares[2]))
    with_other = partfile.part(request_, people[1], cheat, key, [laid.auditors.key.public])
    laid.file("cheat.part").write_bytes(with_other)
    report = ("subject", "report", opened)
    end = (*laid.own("alpha"), *laid.share("alpha"), "--out", laid.file("wrong"))
    done = laid.audit(*report, laid.file("cheat.part"), *end)
    assert (done.code, "the part of beta is wrong" in done.err) == (ExitCode.INPUT, True)
    done = laid.audit("subject", "report", again, part, *end)
    assert "the part of beta is for another request" in done.err
    done = laid.audit("subject", "part", opened, *laid.own("gamma"), *laid.share("gamma"), "--out", "x")
    assert (done.code, "gamma has not signed this request" in done.err) == (ExitCode.REFUSED, True)


def test_another_number_is_not_signed(served: tuple[RunningService, Desk]) -> None:
    """The second auditor enters the number from the resident's letter, and does not sign for another one."""
    _, laid = served
    draft = laid.file("number.draft")
    done = laid.audit("subject", "propose", *laid.own("alpha"), *WHY, "--out", draft, nik=NIK)
    assert done.code == ExitCode.DONE
    done = laid.audit("subject", "sign", draft, *laid.own("beta"), "--out", laid.file("n.signed"), nik=OTHER)
    assert (done.code, "not the one that the request is about" in done.err) == (ExitCode.INPUT, True)
    assert not laid.file("n.signed").exists()


def test_a_production_service_answers(tmp_path: Path) -> None:
    """Outside development the auditors' threshold key is what it takes: checked, ready, answering, sealed to them."""
    installation, made = threshold(tmp_path / "production", environment="production")
    # In a process of its own: outside development it hardens itself, for good.
    words = [
        "-m",
        "verifier.cli.server",
        "--config",
        str(installation.config_path),
        "config",
        "check",
        "--json",
    ]
    checked = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    settings = [each for each in json.loads(checked.stdout)["findings"] if each["step"] == "settings"]
    assert settings
    assert {each["status"] for each in settings} == {"passed"}, settings
    with running(installation) as service:
        with service.channel("tax") as channel:
            answer = verification_pb2_grpc.VerificationServiceStub(channel).Verify(question(), timeout=5)
        assert answer.outcome == attribute_pb2.VERDICT_MATCH
    log = open_log(installation.settings.log_database)
    entries = [
        Item(each.sequence, each.kind, each.entry, each.salt, each.leaf) for each in log.entries(0, 1000)
    ]
    log.close()
    envelopes, foreign = search.envelopes(entries, made.key)
    assert (len(envelopes), foreign) == (1, 0)
