"""Tokens for people whom an agency already serves: the command on the real service, ended twice, and gone on with."""

from __future__ import annotations

import csv
import json
import signal
import stat
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from padan.audit import cli as audit_cli
from padan.cli import main
from padan.cli.console import ExitCode
from padan.errors import InvalidRequestError, NotGrantedError
from padan.token import Token
from padan.vocabulary import Verdict
from tests.installation import install
from tests.integration.agencyside import configure, grown, start
from tests.people import BUDI
from tests.service import running
from tests.simulator.terminal import run
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from padan.answer import Verification
    from padan.client import Client
    from tests.service import RunningService

COUNT = 200
FIRST = ("BUDI", "SITI", "AGUS", "DEWI", "JOKO", "RINA", "HADI", "WATI", "EKO", "YUNI")
LAST = (
    "SANTOSO",
    "RAHAYU",
    "HIDAYAT",
    "LESTARI",
    "WIBOWO",
    "PUSPITA",
    "NUGROHO",
    "ANGGRAINI",
    "SAPUTRA",
    "MAHARANI",
)


def resident(number: int) -> dict[str, str]:
    """Make up one of the residents."""
    year, month, day = 1950 + number % 50, 1 + number % 12, 1 + number % 28
    return {
        **BUDI,
        "NIK": f"327301{day:02}{month:02}{year % 100:02}{9100 + number}",
        "NAMA_LGKP": f"{FIRST[number % 10]} {LAST[number // 10 % 10]} {FIRST[number // 100]}",
        "TGL_LHR": f"{year}-{month:02}-{day:02}",
        "JENIS_KLMIN": "1",
    }


RESIDENTS = [resident(number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service whose residents are in the list, with an agency that gets tokens, slowly."""
    installation = install(
        tmp_path_factory.mktemp("installation"),
        agencies={
            "health": Terms(token_domain="health", calls_per_second=60),
            "tax": Terms(token_domain="tax"),
            "bank": Terms(),
        },
        people=RESIDENTS,
        token_domains=("health", "tax"),
    )
    with running(installation) as started:
        yield started


@pytest.fixture
def settings(service: RunningService, tmp_path: Path) -> Path:
    """The agency's configuration file."""
    return configure(service, "health", tmp_path)


def write_list(path: Path) -> None:
    """Write the agency's list: its customers with number and name, and three rows that are bad."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["customer_id", "nik", "full_name", "birth_date", "note"])
        for number, person in enumerate(RESIDENTS):
            out.writerow(
                [f"C-{number:04}", person["NIK"], person["NAMA_LGKP"].title(), person["TGL_LHR"], "kept"]
            )
        out.writerow(["C-wrong", RESIDENTS[0]["NIK"], "Somebody Else", "", "kept"])
        out.writerow(["C-digits", "327301", "Nobody", "1990-01-01", "kept"])
        out.writerow(["C-none", "", "Nobody", "", "kept"])
        out.writerow(["C-empty", RESIDENTS[1]["NIK"], "", "", "kept"])


def entries(settings: Path) -> Counter[str]:
    """Count the agency's entries by kind and outcome."""
    listed = run(audit_cli.main, "--config", str(settings), "list", "--json", "--limit", "0")
    assert listed.code == 0, listed.err
    found = [json.loads(line) for line in listed.out.splitlines()]
    return Counter(f"{entry['kind']} {entry.get('outcome', '')}".strip().lower() for entry in found)


def test_a_list_is_issued_for_through_two_ends(
    service: RunningService, settings: Path, tmp_path: Path
) -> None:
    """Killed, then interrupted, then ended: each row has its token, was charged once, and no file names a person."""
    people, output, err = tmp_path / "people.csv", tmp_path / "tokens.csv", tmp_path / "err"
    part = tmp_path / "tokens.csv.part"
    write_list(people)
    command = ["--config", str(settings), "token", "issue", str(people), "-o", str(output)]
    command += ["--claim", "name=full_name", "--keep", "customer_id", "--keep", "note", "--json"]
    seen = b""
    process = start(command, err)
    size = grown(part, grown(part, 0, process), process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    seen += part.read_bytes()
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert not output.exists()
    process = start(command, err)
    size = grown(part, size, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == ExitCode.UNAVAILABLE, err.read_text()
    seen += part.read_bytes()
    ended = run(main, *command)
    assert ended.code == ExitCode.INPUT, ended.err
    summary = json.loads(ended.out)
    assert summary["outcomes"] == {"BAD_ROW": 3, "MATCH": COUNT, "NO_MATCH": 1}
    assert 0 < summary["answered_before"] < COUNT
    assert "row 202: nik: a NIK is 16 digits" in ended.err
    assert not part.exists()
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["customer_id", "note", "token", "outcome"]
    assert [row["customer_id"] for row in rows[:COUNT]] == [f"C-{number:04}" for number in range(COUNT)]
    assert {row["outcome"] for row in rows[:COUNT]} == {"MATCH"}
    assert len({row["token"] for row in rows[:COUNT]}) == COUNT
    assert [(row["outcome"], row["token"]) for row in rows[COUNT:]] == [
        ("NO_MATCH", ""),
        ("BAD_ROW: nik: a NIK is 16 digits", ""),
        ("BAD_ROW: nik: there is none", ""),
        ("BAD_ROW: claims: there is none", ""),
    ]
    seen += output.read_bytes() + err.read_bytes() + ended.err.encode() + ended.out.encode()
    for person in RESIDENTS:
        assert person["NIK"].encode() not in seen
        assert person["NAMA_LGKP"].title().encode() not in seen
        assert person["TGL_LHR"].encode() not in seen
    counted = entries(settings)
    assert counted["verify match"] == COUNT, counted
    assert counted["verify no_match"] == 1
    verify_by_token(service, [row["token"] for row in rows[:COUNT]])


def ask(client: Client, token: bytes, name: str = "SOMEBODY ELSE") -> Verification:
    """Ask about a person by token, within the rate of the agreement."""
    time.sleep(1 / 20)
    return client.verify(
        subject_token=token,
        claims={"name": name},
        purpose="service",
        officer="desk-7",
        legal_basis="public_task",
    )


def verify_by_token(service: RunningService, tokens: list[str]) -> None:
    """Ask about some people by their tokens, under other agencies too."""
    token = Token.from_text(tokens[0]).encode()
    with service.client("health") as client:
        for number in range(0, COUNT, 20):
            own = Token.from_text(tokens[number]).encode()
            assert ask(client, own, RESIDENTS[number]["NAMA_LGKP"]).outcome is Verdict.MATCH
            assert ask(client, own).outcome is Verdict.NO_MATCH
        with pytest.raises(InvalidRequestError) as refused:
            ask(client, token[:-1] + bytes((token[-1] ^ 1,)))
        assert refused.value.reason == "TOKEN_REFUSED"
    with service.client("tax") as client, pytest.raises(InvalidRequestError, match="token domain"):
        ask(client, token)
    with service.client("bank") as client, pytest.raises(NotGrantedError):
        ask(client, token)
