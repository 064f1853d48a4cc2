"""Tokens go from one agency's file to the other's, on the real service, through kills and new keys."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import subprocess
import sys
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from keys.purpose import TokenDomain
from padan import aio
from padan.cli import main
from padan.cli.console import ExitCode
from padan.conversion import Carried, Collect, HandIn
from padan.entry import EntryKind, Field, decode
from padan.token import Token
from padan.vocabulary import Verdict
from tests.installation import install
from tests.integration.feeding import details
from tests.operating import operate
from tests.people import BUDI
from tests.service import running
from tests.simulator.terminal import run
from tests.terms import Terms
from verifier.directory import Directory
from verifier.leader import Mandate
from verifier.log.beside import Beside
from verifier.log.open import open_log
from verifier.token import standing
from verifier.token.errors import RowsStandError
from verifier.token.lapsing import Lapsing
from verifier.token.rowtable import RowTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from padan.client import Client
    from tests.installation import Installation
    from tests.service import RunningService

COUNT = 60
PAUSE = 1.0
"""Seconds before a call: each of two workers takes some two in a second of an agency."""
SAID: dict[str, Any] = {"purpose": "service", "officer": "batch-1", "legal_basis": "public_task"}
PEOPLE = [{**BUDI, "NIK": f"3273010101909{100 + number}"} for number in range(COUNT)]


@pytest.fixture(scope="module")
def service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of two workers, on each engine, in which tax may give aid its tokens."""
    made = install(
        tmp_path_factory.mktemp("exchange"),
        agencies={
            "tax": Terms(token_domain="tax", conversions=("aid", "clinic")),
            "aid": Terms(token_domain="aid", converted_from=("tax",)),
            "clinic": Terms(token_domain="clinic", converted_from=("tax",)),
            "shop": Terms(token_domain="shop"),
        },
        people=PEOPLE,
        token_domains=("tax", "aid", "clinic", "shop"),
        log_url=database_url,
        vault_url=database_url,
        extra="workers = 2\n",
    )
    with running(made) as started:
        yield started


def settings(service: RunningService, agency: str, folder: Path) -> Path:
    """Write an agency's configuration file."""
    identity = service.installation.identities[agency]
    values = {
        "address": f"localhost:{service.installation.port}",
        "ca": str(service.installation.ca),
        "cert": str(identity.certificate),
        "key": str(identity.key),
        **SAID,
    }
    path = folder / f"{agency}.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


def issue(client: Client) -> list[bytes]:
    """Have everybody's token issued."""
    found = []
    for person in PEOPLE:
        answer = client.verify(
            nik=person["NIK"], claims={"name": person["NAMA_LGKP"]}, issue_token=True, **SAID
        )
        assert answer.outcome is Verdict.MATCH
        found.append(answer.subject_token)
    return found


@pytest.fixture(scope="module")
def tokens(service: RunningService) -> dict[str, list[bytes]]:
    """The agencies' tokens of the same people."""
    found = {}
    for agency in ("tax", "aid", "clinic"):
        with service.client(agency) as client:
            found[agency] = issue(client)
    return found


CODE = """
import os, signal
import padan.converting.convert
from padan.cli import main
from padan.client import Client

padan.converting.convert.fitting = lambda *_: 4
left = {left}

def dying(method):
    def call(*given):
        global left
        answer = method(*given)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return call

Client.convert_tokens = dying(Client.convert_tokens)
Client.collect_converted = dying(Client.collect_converted)
main()
"""
"""The command, with small parts, killed when so many calls were answered and nothing of the last one is kept yet."""


def command(arguments: Sequence[str], *, left: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own; killed after some calls, where it says how many."""
    return subprocess.run(
        [sys.executable, "-c", CODE.format(left=left), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_from_file_to_file_through_kills(
    service: RunningService, tokens: dict[str, list[bytes]], tmp_path: Path
) -> None:
    """The commands as the guide has them, killed while they hand in; refused rows are told, and the others arrive."""
    people, job, aid = tmp_path / "tokens.csv", tmp_path / "job.json", tmp_path / "aid.csv"
    names = ("tax", "aid")
    configs = {agency: str(settings(service, agency, tmp_path)) for agency in names}
    with service.client("shop") as client:
        foreign = client.verify(
            nik=PEOPLE[0]["NIK"], claims={"name": PEOPLE[0]["NAMA_LGKP"]}, issue_token=True, **SAID
        ).subject_token
    own = Token.parse(tokens["tax"][0])
    forged = Token(domain="tax", version=1, element=Token.parse(foreign).element, tag=own.tag)
    with people.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["customer", "token", "district"])
        for number, token in enumerate(tokens["tax"]):
            out.writerow([f"C-{number}", Token.parse(token).text, f"D-{number}"])
        out.writerow(["C-x", forged.text, "D-x"])
        out.writerow(["C-y", Token.parse(foreign).text, "D-y"])
    made = run(main, "token", "keypair", "-o", str(tmp_path / "exchange"), "--json")
    assert made.code == 0, made.err
    convert = ["--config", configs["tax"], "token", "convert", str(people), "--to", "aid", "-o", str(job)]
    convert += ["--recipient", str(tmp_path / "exchange.pub"), "--columns", "district", "--json"]
    for left in (3, 4):
        assert command(convert, left=left).returncode == -signal.SIGKILL
        assert not job.exists()
    ended = command(convert)
    assert ended.returncode == ExitCode.INPUT, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["rows"], told["handed_in"], told["refused"]) == (COUNT + 2, COUNT, 2)
    assert told["done_before"] == 1 + 5 * 4
    assert {each["row"] for each in told["refused_rows"]} == {COUNT + 1, COUNT + 2}
    assert not list(tmp_path.glob("*.part"))
    collect = ["--config", configs["aid"], "token", "collect", str(job), "-o", str(aid), "--json"]
    assert run(main, *collect).code == ExitCode.USAGE
    collect += ["--private-key", str(tmp_path / "exchange.key")]
    assert command(collect, left=1).returncode == -signal.SIGKILL
    assert not aid.exists()
    assert command(collect, left=2).returncode == -signal.SIGKILL
    assert aid.exists()
    done = run(main, *collect)
    assert done.code == 0, done.err
    assert json.loads(done.out) | {"output": None} == {
        "handed_in": COUNT,
        "collected": COUNT,
        "unopened": 0,
        "deleted": True,
        "output": None,
    }
    rows = list(csv.reader(aid.read_text().splitlines()))
    assert rows[0] == ["token", "district"]
    assert {(token, district) for token, district in rows[1:]} == {
        (Token.parse(token).text, f"D-{number}") for number, token in enumerate(tokens["aid"])
    }
    assert [row[1] for row in rows[1:]] != [f"D-{number}" for number in range(COUNT)]
    again = run(main, *collect)
    assert again.code == ExitCode.INPUT
    assert "there is a file already" in again.err
    job_id = json.loads(job.read_text())["job"]
    calls = details(service.installation, EntryKind.CONVERSION_HANDED_IN)
    assert sum("closed" in each for each in calls if each["job"] == job_id) == 1
    assert about(service.installation, job_id) == COUNT
    assert count(service.installation) == 0


def about(made: Installation, job_id: str) -> int:
    """Count the entries about residents that a job has."""
    with closing(open_log(made.settings.log_database)) as log:
        rows = [row for row in log.entries(0, 10_000) if row.kind == EntryKind.TOKEN_CONVERTED]
    return sum(decode(row.entry).fields[Field.REQUEST_ID] == uuid.UUID(job_id).bytes for row in rows)


def count(made: Installation) -> int:
    """Count the rows that wait."""
    with closing(Directory(made.settings.log_database)) as directory:
        return RowTable(directory, Beside.CONVERSION).count()


def hand_in(
    client: Client, tokens: Sequence[bytes], *, job: str, part: int, last: bool = False, to: str = "aid"
) -> int:
    """Hand in a part with a payload each; gives how many were taken."""
    items = [Carried(token=token, payload=b"%4d" % place) for place, token in enumerate(tokens)]
    return client.convert_tokens(HandIn.build(items, to=to, job_id=job, part=part, last=last, **SAID)).taken


def collected(client: Client, job: str) -> list[bytes]:
    """Collect everything."""
    found, after = [], b""
    while True:
        time.sleep(PAUSE)
        page = client.collect_converted(Collect.build(job, after=after, **SAID))
        found += [item.token for item in page.items]
        after = page.next
        if not after:
            return found


def test_rows_that_wait_move_to_new_keys(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """Between two parts and between two readings: the order stays, old keys may go, and a new version counts."""
    made, job = service.installation, "5d3c3c70-8d7e-4b30-b0ce-66e9ae32c5b1"
    with service.client("tax", timeout=30) as tax, service.client("clinic", timeout=30) as clinic:
        hand_in(tax, tokens["tax"][:30], job=job, part=1, to="clinic")
        before = standing.read(made.settings)
        (ids,) = before.tables["conversion"]
        assert before.tables["conversion"][ids] == 32
        with pytest.raises(RowsStandError, match="rows of token_row"):
            standing.require_unused(made.settings, [("token-index", ids.index_id)])  # type: ignore[list-item] # by its name
        moved = json.loads(operate(made, "token", "rekey", "--new-keys", "--json"))
        assert (moved["tables"]["conversion"]["moved"], moved["tables"]["conversion"]["left"]) == (32, 0)
        hand_in(tax, tokens["tax"][30:], job=job, part=2, last=True, to="clinic")
        first = collected(clinic, job)
        assert sorted(first) == sorted(tokens["clinic"])
        standing.require_unused(made.settings, [("token-index", ids.index_id)])  # type: ignore[list-item] # as above
        operate(made, "token", "rekey", "--json")
        assert collected(clinic, job) == first
        made.custody().rotate(TokenDomain("clinic"))
        until = time.monotonic() + 30
        while Token.parse(collected(clinic, job)[0]).version != 2:
            assert time.monotonic() < until, "the new version is not followed"
            time.sleep(0.5)
        time.sleep(PAUSE)
        assert not clinic.collect_converted(Collect.build(job, delete=True, **SAID)).next
    assert count(made) == 0


def test_what_nobody_collects_goes(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """When its days are over, with an entry, in the transaction that a leader alone may make."""
    made, job = service.installation, "6d3c3c70-8d7e-4b30-b0ce-66e9ae32c5b1"
    with service.client("tax", timeout=30) as tax:
        hand_in(tax, tokens["tax"][:10], job=job, part=1, last=True)
    rows = count(made)
    assert rows == 13
    with closing(Directory(made.settings.log_database)) as directory, directory.reading() as connection:
        term = int(connection.exec_driver_sql("SELECT term FROM leader").scalar_one())
    with (
        closing(open_log(made.settings.log_database)) as log,
        closing(Directory(made.settings.log_database)) as directory,
    ):
        table = RowTable(directory, Beside.CONVERSION)
        later = int((time.time() + 31 * 86_400) * 1000)
        assert Lapsing(table, log, now_ms=lambda: later, days=31).turn(Mandate(term=term)) == 0
        lapsing = Lapsing(table, log, now_ms=lambda: later, days=30)
        assert lapsing.turn(Mandate(term=term)) == rows
    assert count(made) == 0
    assert {"conversion_rows": str(rows)} in details(made, EntryKind.RETENTION_APPLIED)


def test_the_other_client_does_the_same(service: RunningService, tokens: dict[str, list[bytes]]) -> None:
    """Handed in, collected and deleted by the asynchronous one."""
    made, job = service.installation, "7d3c3c70-8d7e-4b30-b0ce-66e9ae32c5b1"

    def link(agency: str) -> aio.Client:
        identity = made.identities[agency]
        return aio.Client.from_files(
            f"127.0.0.1:{made.port}",
            ca=made.ca,
            cert=identity.certificate,
            key=identity.key,
            server_name="localhost",
            timeout=30,
        )

    async def exchange() -> set[bytes]:
        items = [Carried(token=token) for token in tokens["tax"][:5]]
        await asyncio.sleep(PAUSE)
        async with link("tax") as tax, link("aid") as aid:
            part = HandIn.build(items, to="aid", job_id=job, part=1, last=True, **SAID)
            assert (await tax.convert_tokens(part)).taken == 5
            await asyncio.sleep(PAUSE)
            page = await aid.collect_converted(Collect.build(job, **SAID))
            await asyncio.sleep(PAUSE)
            gone = await aid.collect_converted(Collect.build(job, delete=True, **SAID))
            assert (page.next, gone.next) == (b"", b"")
        return {item.token for item in page.items}

    assert asyncio.run(exchange()) == set(tokens["aid"][:5])
    assert count(made) == 0
