"""Two officers let a resident be asked about again, while the service runs, and not one of them alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field, decode
from padan.v1 import attribute_pb2 as vocabulary
from tests.integration.feeding import feed
from tests.integration.office import BUDGET, Office, ask, opened, wait_for
from tests.people import BUDI, SARI
from verifier.feed.following import follow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.office import Stub

MERGED = "3273010101909077"
MATCH, BLOCKED = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_BLOCKED


def spend(stub: Stub, nik: str = BUDI["NIK"]) -> None:
    """Guess wrongly until nothing is answered."""
    for _ in range(BUDGET):
        ask(stub, "SITI RAHAYU", nik)
    assert ask(stub, BUDI["NAMA_LGKP"], nik) == BLOCKED


@pytest.fixture(scope="module")
def office(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service on each engine, and its officers."""
    with opened(tmp_path_factory.mktemp("unlock"), database_url) as made:
        yield made


def propose(office: Office, file: str, *, agency: str = "tax", nik: str = BUDI["NIK"]) -> Path:
    """Propose a reset."""
    return office.propose(file, "budget", *(("--agency", agency) if agency else ()), nik=nik)


def test_two_officers_unlock_one_resident_at_one_agency(office: Office) -> None:
    """Blocked, proposed, approved by a second one, reset: the same agency is answered again, the other one is not."""
    spend(office.stub)
    spend(office.other)
    file = propose(office, "unlock.json")
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
    file = propose(office, "refused.json", agency="")
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
    wait_for(office.stub, SARI["NAMA_LGKP"], MERGED, MATCH)
    spend(office.stub, SARI["NIK"])
    file = propose(office, "merged.json", nik=MERGED)
    office.run("officer", "approve", file, "--key", office.key("bayu"))
    office.run("budget", "reset", file, typed=f"{SARI['NIK']}\n")
    assert ask(office.stub, SARI["NAMA_LGKP"], SARI["NIK"]) == MATCH
    assert ask(office.stub, SARI["NAMA_LGKP"], MERGED) == MATCH
