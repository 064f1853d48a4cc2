"""Two officers let a resident be asked about again, while the service runs, and not one of them alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field, decode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.integration.feeding import SIGNER, feed
from tests.people import BUDI, SARI
from tests.service import request, running
from tests.terms import Terms
from verifier.agreement import signkey
from verifier.feed.following import follow
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation
    from tests.postgres import PostgresServer

    Stub = verification_pb2_grpc.VerificationServiceStub

BUDGET = 3
MERGED = "3273010101909077"
NAME = vocabulary.ATTRIBUTE_NAME
MATCH, BLOCKED = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_BLOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The officers' desk: a running service, and the command line beside it."""

    installation: Installation
    stub: Stub
    other: Stub

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.installation.root

    def run(self, *words: object, typed: str = "", code: int = 0) -> str:
        """Run padan-server; give its output, or its errors where it is to fail."""
        command = (sys.executable, "-c", "from verifier.cli.server import main; main()")
        done = subprocess.run(
            [*command, "--config", str(self.installation.config_path), *map(str, words)],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    def key(self, name: str) -> Path:
        """Name an officer's key."""
        return self.folder / f"{name}.key"

    def propose(self, file: str, *, agency: str = "tax", nik: str = BUDI["NIK"]) -> Path:
        """Propose as the first officer."""
        path = self.folder / file
        words = ("--agency", agency) if agency else ()
        self.run("budget", "propose", "--key", self.key("ani"), "--out", path, *words, typed=f"{nik}\n")
        return path

    def entries(self, kind: EntryKind) -> list[Any]:
        """Read the log's entries of a kind."""
        log = open_log(self.installation.settings.log_database)
        rows = [row for row in log.entries(0, 10_000) if row.kind == kind]
        log.close()
        return rows


def ask(stub: Stub, name: str, nik: str = BUDI["NIK"]) -> int:
    """Ask about a resident's name."""
    return stub.Verify(request(nik=nik, claims={NAME: name}), timeout=10).outcome


def spend(stub: Stub, nik: str = BUDI["NIK"]) -> None:
    """Guess wrongly until nothing is answered."""
    for _ in range(BUDGET):
        ask(stub, "SITI RAHAYU", nik)
    assert ask(stub, BUDI["NAMA_LGKP"], nik) == BLOCKED


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service on each engine, and two officers who are trusted, beside one who is not."""
    server: PostgresServer | None = None
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.make_database()
    installation = install(
        tmp_path_factory.mktemp("unlock"),
        agencies={"tax": Terms(subject=BUDGET), "bank": Terms(subject=BUDGET)},
        log_url=url,
        vault_url=url,
        extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )
    with running(installation) as service, service.channel() as one, service.channel("bank") as two:
        made = Office(
            installation=installation,
            stub=verification_pb2_grpc.VerificationServiceStub(one),
            other=verification_pb2_grpc.VerificationServiceStub(two),
        )
        for name in ("ani", "bayu", "cici"):
            made.run("officer", "keygen", "--out", made.key(name))
        for name in ("ani", "bayu"):
            made.run("officer", "trust", made.key(name).with_suffix(".pub"))
        yield made
    if server is not None:
        server.drop_database(url)


def test_two_officers_unlock_one_resident_at_one_agency(office: Office) -> None:
    """Blocked, proposed, approved by a second one, reset: the same agency is answered again, the other one is not."""
    spend(office.stub)
    spend(office.other)
    file = office.propose("unlock.json")
    assert BUDI["NIK"] not in file.read_text()
    shown = office.run("officer", "show", file)
    assert "one resident, at tax" in shown
    assert "pending; 1 more" in shown
    assert "1 more of the roster" in office.run("budget", "reset", file, code=int(ExitCode.REFUSED))
    assert ask(office.stub, BUDI["NAMA_LGKP"]) == BLOCKED

    assert "approved" in office.run("officer", "approve", file, "--key", office.key("bayu"))
    office.run("budget", "reset", file, typed=f"{SARI['NIK']}\n", code=int(ExitCode.REFUSED))
    assert "done and logged" in office.run("budget", "reset", file, typed=f"{BUDI['NIK']}\n")
    assert ask(office.stub, BUDI["NAMA_LGKP"]) == MATCH
    assert ask(office.other, BUDI["NAMA_LGKP"]) == BLOCKED

    spend(office.stub)
    again = office.run("budget", "reset", file, typed=f"{BUDI['NIK']}\n", code=int(ExitCode.STATE))
    assert "executed already" in again
    assert json.loads(office.run("officer", "show", file, "--json"))["state"] == "executed"
    assert ask(office.stub, BUDI["NAMA_LGKP"]) == BLOCKED

    row = office.entries(EntryKind.BUDGET_RESET)[-1]
    entry = decode(row.entry)
    assert row.agency == ""
    assert {len(entry.fields[field]) for field in (Field.SUBJECT, Field.NONCE, Field.PERIOD)} == {16}
    detail = dict(text.split("=", 1) for text in entry.texts(Field.DETAIL))
    assert detail["scope"] == "tax"
    assert len(detail["approved"].split(",")) == 2
    opened = [decode(each.entry).fields[Field.PERIOD] for each in office.entries(EntryKind.PERIOD_OPENED)]
    assert entry.fields[Field.PERIOD] in opened


def test_who_may_not(office: Office) -> None:
    """A stranger's approval, a withdrawn proposal, another registry's file, and a mistyped number change nothing."""
    before = len(office.entries(EntryKind.BUDGET_RESET))
    file = office.propose("refused.json", agency="")
    stranger = office.run("officer", "approve", file, "--key", office.key("cici"), code=int(ExitCode.REFUSED))
    assert "nobody on the roster" in stranger
    assert "withdrawn" in office.run("officer", "withdraw", file, "--key", office.key("ani"))
    office.run("officer", "approve", file, "--key", office.key("bayu"))
    gone = office.run("budget", "reset", file, typed=f"{BUDI['NIK']}\n", code=int(ExitCode.STATE))
    assert "was withdrawn" in gone
    file.write_text(file.read_text().replace("test-registry", "other-registry"))
    office.run("officer", "show", file, code=int(ExitCode.INPUT))
    unknown = ("budget", "propose", "--key", office.key("ani"), "--out", office.folder / "x.json")
    office.run(*unknown, "--agency", "nobody", typed=f"{BUDI['NIK']}\n", code=int(ExitCode.STATE))
    mistyped = office.run(*unknown, typed="3273\n", code=int(ExitCode.INPUT))
    assert "sixteen digits" in mistyped
    assert not (office.folder / "x.json").exists()
    assert len(office.entries(EntryKind.BUDGET_RESET)) == before


def test_a_merged_number_unlocks_the_resident(office: Office) -> None:
    """Under either number it is the same resident whose guesses are forgotten."""
    changes = feed(office.installation, 0, {"change": "merged", "row": SARI, "also": [MERGED]})
    follow(office.installation.settings, "merged.feed", changes)
    until = time.monotonic() + 5
    while ask(office.stub, SARI["NAMA_LGKP"], MERGED) != MATCH:
        assert time.monotonic() < until, "the merger is not seen"
        time.sleep(0.6)  # three wrong guesses about a number would block it, seen or not
    spend(office.stub, SARI["NIK"])
    file = office.propose("merged.json", nik=MERGED)
    office.run("officer", "approve", file, "--key", office.key("bayu"))
    office.run("budget", "reset", file, typed=f"{SARI['NIK']}\n")
    assert ask(office.stub, SARI["NAMA_LGKP"], SARI["NIK"]) == MATCH
    assert ask(office.stub, SARI["NAMA_LGKP"], MERGED) == MATCH
