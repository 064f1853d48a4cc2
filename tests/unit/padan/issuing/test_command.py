"""`padan token issue`, from arguments to exit code, against a simulator of the service."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from padan.cli.console import ExitCode
from padan.token import Token
from padan.v1 import verification_pb2
from tests.simulator.service import match, refusing
from tests.unit.padan.test_install import python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.service import Service
    from tests.simulator.terminal import Ended

NIKS = [f"99710141019090{row:02}" for row in range(10, 16)]
TOKEN = Token(domain="health", version=2, element=bytes(range(32)), tag=bytes(16))


def with_token(
    request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
) -> verification_pb2.VerifyResponse:
    """Confirm, with a token."""
    answer = match(request, context)
    answer.subject_token = TOKEN.encode()
    return answer


@pytest.fixture
def people(tmp_path: Path, service: Service) -> Path:
    """A list, and a service that grants tokens for its people."""
    service.info.agreement.purposes[0].token_domain = "health"
    service.info.keys.add(purpose="token-domain/health", key_id="2", public_key=bytes(32))
    service.steps.extend([with_token] * len(NIKS))
    path = tmp_path / "people.csv"
    path.write_text("id,nik,name\n" + "".join(f"c{nik[-2:]},{nik},Sitti\n" for nik in NIKS))
    return path


def test_a_list_becomes_tokens(padan: Callable[..., Ended], people: Path, tmp_path: Path) -> None:
    """People read how many rows had which outcome; the result has what was kept, token and outcome."""
    ended = padan("token", "issue", str(people), "-o", "out.csv", "--keep", "id")
    assert (ended.code, ended.out) == (0, "6 of 6 rows: 6 MATCH\nwritten  out.csv\n")
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows == [["id", "token", "outcome"], *([f"c{nik[-2:]}", TOKEN.text, "MATCH"] for nik in NIKS)]
    assert not any(nik in ended.out + ended.err for nik in NIKS)


def test_parquet_becomes_parquet(
    padan: Callable[..., Ended], people: Path, service: Service, tmp_path: Path
) -> None:
    """Numbers as whole numbers are read; kept columns keep their kind; claims go under the names that are mapped."""
    table = pa.table({"id": [7, 8], "number": list(map(int, NIKS[:2])), "who": ["Sitti", "Budi"]})
    pq.write_table(table, tmp_path / "p.parquet")
    ended = padan(
        *("token", "issue", "p.parquet", "-o", "out.parquet", "--keep", "id"),
        *("--nik-column", "number", "--claim", "name=who", "--concurrency", "1", "--json"),
    )
    assert people.exists()
    assert json.loads(ended.out) == {
        "rows": 2,
        "answered": 2,
        "answered_before": 0,
        "outcomes": {"MATCH": 2},
        "bad_rows": [],
        "output": "out.parquet",
        "part": None,
    }
    assert pq.read_table(tmp_path / "out.parquet").to_pydict() == {
        "id": [7, 8],
        "token": [TOKEN.text] * 2,
        "outcome": ["MATCH"] * 2,
    }
    requests = [verification_pb2.VerifyRequest.FromString(body) for body in service.bodies]
    assert [(each.nik, each.claims[0].value) for each in requests] == [
        (NIKS[0], "Sitti"),
        (NIKS[1], "Budi"),
    ]
    assert all(each.issue_token for each in requests)


def test_a_spent_quota_stops_and_the_same_command_goes_on(
    padan: Callable[..., Ended], people: Path, service: Service, tmp_path: Path
) -> None:
    """What was answered is kept, the error says when to come back, and the next time only the rest is asked about."""
    service.steps.clear()
    spent = refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED", delay=3_600)
    service.steps.extend([with_token, with_token, *[spent] * 20])
    command = ("token", "issue", str(people), "-o", "out.csv", "--concurrency", "1")
    ended = padan(*command)
    assert ended.code == ExitCode.REFUSED
    assert ended.out.splitlines() == [
        "2 of 6 rows: 2 MATCH",
        "kept in  out.csv.part; run the same command to go on",
    ]
    assert "[QUOTA_EXHAUSTED]; come back in 3600 s" in ended.err
    first = {verification_pb2.VerifyRequest.FromString(body).request_id for body in service.bodies[:2]}
    service.steps.clear()
    service.bodies.clear()
    service.steps.extend([with_token] * 4)
    ended = padan(*command, "--json")
    assert (ended.code, json.loads(ended.out)["answered_before"]) == (0, 2)
    again = {verification_pb2.VerifyRequest.FromString(body).request_id for body in service.bodies}
    assert (len(again), first & again) == (4, set())
    assert not (tmp_path / "out.csv.part").exists()


def test_bad_rows_are_told_and_end_with_three(
    padan: Callable[..., Ended], people: Path, tmp_path: Path
) -> None:
    """Row and rule stand on standard error, at most twenty of them, and never what is in the row."""
    with people.open("a") as file:
        file.write("x,123,Sitti\n" * 25)
    ended = padan("token", "issue", str(people), "-o", "out.csv")
    assert ended.code == ExitCode.INPUT
    lines = ended.err.splitlines()
    assert (lines[0], len(lines)) == ("row 7: nik: a NIK is 16 digits", 21)
    assert lines[-1] == "and 5 more bad rows; the result has them all"
    assert (tmp_path / "out.csv").read_text().count("BAD_ROW: nik: a NIK is 16 digits") == 25


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--purpose", "other"), ExitCode.REFUSED, "PURPOSE_NOT_GRANTED"),
        (("--legal-basis", "contract"), ExitCode.REFUSED, "LEGAL_BASIS_NOT_GRANTED"),
        (("--legal-basis", "consent"), ExitCode.INPUT, "--consent-column"),
        (("--legal-basis", "whim"), ExitCode.INPUT, "known are"),
        (("--claim", "religion=id"), ExitCode.REFUSED, "grants no claim of religion"),
        (("--without", "name", "--claim", "alive=id"), ExitCode.REFUSED, "anchors: name"),
        (("--claim", "name"), ExitCode.USAGE, "ATTRIBUTE=COLUMN"),
        (("--nik-column", "number"), ExitCode.INPUT, "--nik-column is not in"),
        (("--officer", "desk 7"), ExitCode.INPUT, "officer"),
    ],
)
def test_what_would_be_refused_is_not_begun(
    padan: Callable[..., Ended],
    people: Path,
    service: Service,
    *,
    arguments: tuple[str, ...],
    code: ExitCode,
    word: str,
) -> None:
    """Nobody is asked about, and the error says what to change."""
    ended = padan("token", "issue", str(people), "-o", "out.csv", *arguments)
    assert (ended.code, service.bodies) == (code, [])
    assert word in ended.err
    assert "next:" in ended.err
    assert not people.with_name("out.csv.part").exists()


def test_without_a_domain_or_its_key_nothing_is_begun(
    padan: Callable[..., Ended], people: Path, service: Service
) -> None:
    """No key yet is an outage; no token domain is a matter of the agreement."""
    del service.info.keys[:]
    ended = padan("token", "issue", str(people), "-o", "out.csv")
    assert (ended.code, "[TOKENS_UNAVAILABLE]" in ended.err) == (ExitCode.UNAVAILABLE, True)
    service.info.agreement.purposes[0].token_domain = ""
    ended = padan("token", "issue", str(people), "-o", "out.csv")
    assert (ended.code, "[FEATURE_NOT_GRANTED]" in ended.err) == (ExitCode.REFUSED, True)
    assert service.bodies == []


def test_a_result_that_is_there_is_never_written_over(
    padan: Callable[..., Ended], people: Path, service: Service, tmp_path: Path
) -> None:
    """A file of that name is left alone, and nobody is asked about; a name that is no table's is refused."""
    (tmp_path / "out.csv").write_text("mine")
    ended = padan("token", "issue", str(people), "-o", "out.csv")
    assert (ended.code, "there is a file already" in ended.err) == (ExitCode.INPUT, True)
    assert padan("token", "issue", str(people), "-o", "out.txt").code == ExitCode.INPUT
    assert (service.bodies, (tmp_path / "out.csv").read_text()) == ([], "mine")


def test_parquet_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    """Without pyarrow CSV works, and Parquet names the extra."""
    arguments = ["padan", "token", "issue", "l.csv", "-o", str(tmp_path / "o.parquet")]
    more = ["--address", "a:1", "--ca", "c", "--cert", "c", "--key", "k"]
    code = f"sys.argv = {arguments + more}\nimport padan.cli; padan.cli.main()"
    done = python(code, blocked=("pyarrow", "numpy"))
    assert (done.returncode, "pip install 'padan[tables]'" in done.stderr) == (ExitCode.INPUT, True)
    done = python(code.replace("o.parquet", "o.csv"), blocked=("pyarrow", "numpy"))
    assert "l.csv: cannot be read" in done.stderr
