"""Programmes enrol residents and ask about each other's on the real service, by the library and by the commands."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import date
from typing import TYPE_CHECKING

import grpc
import pytest

from padan import aio
from padan.cli import main
from padan.cli.console import ExitCode
from padan.enrolment import (
    LEAST_COUNTED,
    STREAM_CHECK_ENROLMENT,
    Enrolment,
    EnrolmentList,
    EnrolmentQuestion,
    Membership,
    Said,
    Withdrawal,
)
from padan.errors import InvalidRequestError
from padan.receipt import check as check_receipt
from padan.token import Token
from padan.vocabulary import Verdict
from tests.installation import install
from tests.people import ALMARHUM, BUDI, SARI
from tests.service import running
from tests.simulator.hall import classes
from tests.simulator.terminal import run
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.service import RunningService
    from tests.simulator.terminal import Ended

MANY = [{**BUDI, "NIK": f"327301010190{9100 + number}"} for number in range(LEAST_COUNTED)]
PEOPLE = [BUDI, SARI, ALMARHUM, *MANY]
GRANTED = (("aid", "both", "none"), ("food", "both", "rows"), ("school", "both", "counts"))
SAID = Said(purpose="service", officer="desk-7", legal_basis="public_task")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of two workers and two programmes of one class."""
    made = install(
        tmp_path_factory.mktemp("enrolling"),
        agencies={name: Terms(token_domain=name, enrolments=classes(*GRANTED)) for name in ("rice", "cash")},
        people=PEOPLE,
        token_domains=("rice", "cash"),
        extra="workers = 2\n",
    )
    with running(made) as started:
        yield started


@pytest.fixture(scope="module")
def tokens(service: RunningService) -> dict[str, list[bytes]]:
    """The tokens of everybody, by agency."""
    found: dict[str, list[bytes]] = {}
    for agency in ("rice", "cash"):
        with service.client(agency) as client:
            found[agency] = [
                client.verify(
                    nik=person["NIK"],
                    claims={"name": person["NAMA_LGKP"]},
                    purpose="service",
                    officer="desk-7",
                    legal_basis="public_task",
                    issue_token=True,
                ).subject_token
                for person in PEOPLE[:2]
            ]
    return found


def withdraw_all(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """Begin anew: nobody is enrolled, and the rate has room."""
    time.sleep(1.0)
    for agency, given in tokens.items():
        with service.client(agency, timeout=20) as client:
            client.enrolments.withdraw(Withdrawal.build(given, category="aid", said=SAID))
    time.sleep(1.0)


def command(service: RunningService, folder: Path, agency: str, *arguments: str, stdin: bytes = b"") -> Ended:
    """Run a command of an agency's."""
    identity = service.installation.identities[agency]
    values = {
        "address": f"localhost:{service.installation.port}",
        "ca": str(service.installation.ca),
        "cert": str(identity.certificate),
        "key": str(identity.key),
        "purpose": "service",
        "officer": "desk-7",
        "legal_basis": "public_task",
    }
    path = folder / f"{agency}.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return run(main, "--config", str(path), *arguments, stdin=stdin)


def test_a_receipt_binds_the_answer(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """The library enrols and asks, an answer comes with a receipt over its own digest, and asking again is free."""
    with service.client("rice", timeout=20) as rice, service.client("cash", timeout=20) as cash:
        withdraw_all(service, tokens)
        question = EnrolmentQuestion.build(tokens["cash"][0], category="aid", said=SAID)
        assert cash.enrolments.check(question).outcome is Verdict.NO_MATCH
        membership = Membership(token=tokens["rice"][0], first=date(2026, 1, 1))
        assert rice.enrolments.enrol(Enrolment.build([membership], category="aid", said=SAID)) == {}
        assert not cash.enrolments.check(question).enrolled, "the stored answer"
        again = EnrolmentQuestion.build(tokens["cash"][0], category="aid", said=SAID)
        answer = cash.enrolments.check(again)
        assert answer.enrolled
        receipt = check_receipt(answer.receipt, cash.service_info().jwks(), audience="cash")
        assert receipt.digest == again.digest("cash")
        assert receipt.outcome is Verdict.MATCH
        with pytest.raises(InvalidRequestError):
            cash.enrolments.check(EnrolmentQuestion.build(tokens["rice"][0], category="aid", said=SAID))
        with pytest.raises(InvalidRequestError, match="class"):
            cash.enrolments.check(EnrolmentQuestion.build(tokens["cash"][0], category="other", said=SAID))


def test_the_other_client_does_the_same(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """Programs that do not wait have the same calls."""
    withdraw_all(service, tokens)
    identity = service.installation.identities["cash"]

    async def ask() -> tuple[bool, int]:
        async with aio.Client.from_files(
            f"127.0.0.1:{service.installation.port}",
            ca=service.installation.ca,
            cert=identity.certificate,
            key=identity.key,
            server_name="localhost",
            timeout=20,
        ) as client:
            membership = Membership(token=tokens["cash"][1], first=date(2026, 1, 1), last=date(2026, 1, 2))
            assert not await client.enrolments.enrol(Enrolment.build([membership], category="aid", said=SAID))
            question = EnrolmentQuestion.build(tokens["cash"][1], category="aid", said=SAID)
            answer = await client.enrolments.check(question)
            return answer.enrolled, len(
                await client.enrolments.questions(SAID, first=date(2026, 1, 1), last=date(2026, 1, 2))
            )

    assert asyncio.run(ask()) == (False, 0)


def test_commands_work_through_a_list(
    service: RunningService, tokens: dict[str, list[bytes]], tmp_path: Path
) -> None:
    """A list is enrolled but for its bad rows, which are told by number; each is withdrawn again by the same list."""
    withdraw_all(service, tokens)
    texts = {agency: [Token.parse(token).text for token in given] for agency, given in tokens.items()}
    listed = tmp_path / "list.csv"
    rows = [
        f"{texts['rice'][0]},2026-01-01",
        f"{texts['cash'][0]},2026-01-01",
        "x,",
        f"{texts['rice'][1]},2026-1-1",
    ]
    rows += [f"{texts['rice'][1]},"]
    listed.write_text("card,since\n" + "\n".join(rows) + "\n")
    options = ["--class", "aid", "--list", str(listed), "--token-column", "card", "--json", "--timeout", "30"]
    ended = command(service, tmp_path, "rice", "enrolment", "enrol", *options, "--first-column", "since")
    assert ended.code == ExitCode.INPUT, ended.err
    told = json.loads(ended.out)
    assert (told["enrolled"], [row["row"] for row in told["bad_rows"]]) == (2, [2, 3, 4])
    assert told["bad_rows"][0]["rule"] == "TOKEN_REFUSED"
    asked = command(
        service, tmp_path, "cash", "enrolment", "check", *texts["cash"], "--class", "aid", "--timeout", "30"
    )
    assert (asked.code, asked.out.split()) == (ExitCode.DONE, ["MATCH", "MATCH"])
    ended = command(service, tmp_path, "rice", "enrolment", "withdraw", *options, "--from-row", "5")
    assert (ended.code, json.loads(ended.out)["withdrawn"]) == (ExitCode.DONE, 1)
    asked = command(
        service, tmp_path, "cash", "enrolment", "check", "--class", "aid", stdin=texts["cash"][1].encode()
    )
    assert (asked.code, asked.out) == (ExitCode.NO, "NO_MATCH\n")
    missing = command(
        service, tmp_path, "rice", "enrolment", "withdraw", "--class", "aid", "--list", str(listed)
    )
    assert missing.code == ExitCode.INPUT
    assert "card, since" in missing.err


def test_a_programme_sees_that_it_was_asked(
    service: RunningService, tokens: dict[str, list[bytes]], tmp_path: Path
) -> None:
    """Who asked, for what and how often is told by day, to those who enrol in the class."""
    text = Token.parse(tokens["cash"][0]).text
    before = _told(service, tmp_path)
    for _ in range(3):
        command(service, tmp_path, "cash", "enrolment", "check", text, "--class", "aid", "--timeout", "30")
    after = _told(service, tmp_path)
    assert after == before + 3
    shown = command(service, tmp_path, "rice", "enrolment", "questions", "--class", "aid")
    assert "cash (service)" in shown.out
    time.sleep(1.0)
    refused = command(service, tmp_path, "rice", "enrolment", "questions", "--class", "other")
    assert refused.code == ExitCode.INPUT


def _told(service: RunningService, folder: Path) -> int:
    until = time.monotonic() + 20
    while True:
        ended = command(service, folder, "rice", "enrolment", "questions", "--json", "--timeout", "30")
        if ended.code == ExitCode.DONE:
            found = json.loads(ended.out)
            return sum(each["questions"] for each in found if each["agency"] == "cash")
        assert time.monotonic() < until, ended.err
        time.sleep(0.3)


def test_info_names_classes(service: RunningService, tmp_path: Path) -> None:
    """`padan info` says what may be done with which class."""
    assert "in aid: enrol, ask; lists bring none" in command(service, tmp_path, "rice", "info").out


def issue(service: RunningService, agency: str, people: Sequence[dict[str, str]]) -> list[bytes]:
    """Issue tokens."""
    with service.client(agency, timeout=20) as client:
        return [
            client.verify(
                nik=person["NIK"],
                claims={"name": person["NAMA_LGKP"]},
                purpose="service",
                officer="desk-7",
                legal_basis="public_task",
                issue_token=True,
            ).subject_token
            for person in people
        ]


def test_a_list_is_matched_row_by_row(
    service: RunningService, tokens: dict[str, list[bytes]], tmp_path: Path
) -> None:
    """Where rows are granted, the result has a verdict a row; ended early, the same command goes on."""
    withdraw_all(service, tokens)
    with service.client("rice", timeout=20) as rice:
        membership = Membership(token=tokens["rice"][1], first=date(2026, 1, 1))
        rice.enrolments.enrol(Enrolment.build([membership], category="food", said=SAID))
    listed, found = tmp_path / "list.csv", tmp_path / "found.csv"
    texts = [Token.parse(token).text for token in [*tokens["cash"], tokens["rice"][0]]]
    listed.write_text("\n".join(["token", *texts, "nothing"]) + "\n")
    options = ["token", "overlap", str(listed), "--class", "food", "-o", str(found), "--json"]
    early = command(service, tmp_path, "cash", *options, "--timeout", "0.001")
    assert early.code == ExitCode.UNAVAILABLE, early.err
    part = tmp_path / "list.csv.overlap"
    assert part.stat().st_mode & 0o777 == 0o600
    time.sleep(1.0)
    ended = command(service, tmp_path, "cash", *options, "--timeout", "30")
    assert ended.code == ExitCode.INPUT, ended.err
    told = json.loads(ended.out)
    assert (told["residents"], told["enrolled"], [row["row"] for row in told["bad_rows"]]) == (2, 1, [3, 4])
    lines = found.read_text().splitlines()
    assert lines[:4] == ["row,outcome", "1,NO_MATCH", "2,MATCH", "3,BAD_ROW: TOKEN_REFUSED"]
    assert not part.exists()


def test_a_list_is_counted(service: RunningService, tmp_path: Path) -> None:
    """Where counts are granted, a number comes with its noise, and a repetition has the same one; few are refused."""
    given = issue(service, "cash", MANY)
    listed = tmp_path / "many.csv"
    listed.write_text("\n".join(["card", *(Token.parse(token).text for token in given)]) + "\n")
    time.sleep(1.0)
    with service.client("cash", timeout=20) as cash:
        question = EnrolmentList.build(given, category="school", said=SAID)
        first, *others = [
            next(iter(cash.enrolments.check_many([each], timeout=20))) for each in (question, question)
        ]
        assert others == [first]
        assert (first.residents, first.verdicts) == (LEAST_COUNTED, ())
        assert 0 <= (first.enrolled or 0) <= LEAST_COUNTED
        time.sleep(1.0)
        with pytest.raises(InvalidRequestError, match="100"):
            list(
                cash.enrolments.check_many(
                    [EnrolmentList.build(given[:5], category="school", said=SAID)], timeout=20
                )
            )
    time.sleep(1.0)
    options = [
        "token",
        "overlap",
        str(listed),
        "--class",
        "school",
        "--token-column",
        "card",
        "--timeout",
        "30",
    ]
    ended = command(service, tmp_path, "cash", *options)
    assert ended.code == ExitCode.DONE, ended.err
    assert "of 100 are enrolled; noise of standard deviation 27.6" in ended.out


def test_the_other_client_matches_lists(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """Programs that do not wait match lists, too."""
    withdraw_all(service, tokens)
    identity = service.installation.identities["cash"]

    async def ask() -> list[int]:
        async with aio.Client.from_files(
            f"127.0.0.1:{service.installation.port}",
            ca=service.installation.ca,
            cert=identity.certificate,
            key=identity.key,
            server_name="localhost",
            timeout=20,
        ) as client:
            question = EnrolmentList.build(tokens["cash"], category="food", said=SAID)
            return [
                len(answer.verdicts) async for answer in client.enrolments.check_many([question], timeout=20)
            ]

    assert asyncio.run(ask()) == [2]


def refused(
    lists: grpc.StreamStreamMultiCallable[bytes, bytes], message: bytes, *, timeout: float
) -> grpc.StatusCode:
    """Send one message; the code of its refusal, but for calls that the tests before have used up."""
    until = time.monotonic() + 10
    while True:
        with pytest.raises(grpc.RpcError) as caught:
            next(lists(iter([message]), timeout=timeout))
        if "a second than are taken" not in (caught.value.details() or "") or time.monotonic() > until:
            return caught.value.code()
        time.sleep(0.2)


def test_streams_are_few_and_short(service: RunningService) -> None:
    """An agency has one stream at a time in a process, none that may stay open for long, and bad bytes end one."""
    with service.channel("cash") as channel:
        lists: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(STREAM_CHECK_ENROLMENT)
        assert refused(lists, b"", timeout=1_000) is grpc.StatusCode.INVALID_ARGUMENT
        assert refused(lists, b"\xff", timeout=10) is grpc.StatusCode.INVALID_ARGUMENT
        waiting = threading.Event()

        def nothing() -> Iterator[bytes]:
            waiting.wait(10)
            yield from ()

        held = lists(nothing(), timeout=20)
        until = time.monotonic() + 10
        while True:
            with pytest.raises(grpc.RpcError) as caught:
                next(lists(iter([b"\xff"]), timeout=10))
            if "streams are open" in (caught.value.details() or ""):
                break
            assert time.monotonic() < until, "another stream was let in"
            time.sleep(0.5)
        waiting.set()
        assert list(held) == []
