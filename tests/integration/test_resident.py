"""Residents' rights over the wire: two officers restrict, lock or erase a number, and nobody brings the erased back."""

from __future__ import annotations

import csv
import json
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field, decode
from padan.v1 import attribute_pb2 as vocabulary
from tests.integration.feeding import comparable, feed
from tests.integration.loading import load, order_of
from tests.integration.office import Office, ask, opened, wait_for
from tests.people import BUDI, PEOPLE, SARI, UNKNOWN_NIK
from tests.rows import rows_of
from tests.terms import Terms
from verifier import schema
from verifier.consistency.check import Check
from verifier.consistency.order import Order as CheckOrder
from verifier.database import make_engine, parse_address
from verifier.directory import Directory
from verifier.errors import LogUnavailableError
from verifier.feed import application
from verifier.feed.following import follow
from verifier.projector.columns import COLUMNS
from verifier.projector.load import Load
from verifier.projector.progress import Silence
from verifier.resident.mark import Mark
from verifier.resident.marking import Step
from verifier.snapshot import POLL_SECONDS
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verifier.feed.sync import Summary
    from verifier.projector.order import Summary as LoadSummary

MATCH, NO_MATCH = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH
WITHHELD = vocabulary.VERDICT_NOT_AVAILABLE
MERGED, MOVED = "3273010101909077", "3273014202859078"
ERASED_RULE = "nik.erased"
KOMANG = {**BUDI, "NIK": "3273010101909011", "NAMA_LGKP": "KOMANG ARTANA"}
WAYAN = {**BUDI, "NIK": "3273010101909012", "NAMA_LGKP": "WAYAN SUKERTI"}
MADE = {**BUDI, "NIK": "3273010101909013", "NAMA_LGKP": "MADE SUARDANA"}
PUTU = {**BUDI, "NIK": "3273010101909014", "NAMA_LGKP": "PUTU GEDE"}
EVERYONE = (*PEOPLE, KOMANG, WAYAN, MADE, PUTU)


@pytest.fixture(scope="module")
def office(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service on each engine: `tax` as any agency, `bank` exempt from restrictions and locks."""
    exempt = Terms(subject=1_000, exempt_article="15(1)b")
    with opened(
        tmp_path_factory.mktemp("resident"), database_url, tax=Terms(subject=1_000), bank=exempt
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody who reads marks: the tests wait themselves, but for the one that is about it."""
    monkeypatch.setattr(application, "SEEN_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def _unmarked(office: Office) -> Iterator[None]:
    """Leave nobody marked."""
    yield
    with (
        closing(Directory(office.installation.settings.log_database)) as directory,
        directory.writing() as connection,
    ):
        for table in (schema.resident_mark, schema.mark_place, schema.mark_carried):
            connection.execute(delete(table))


def apply(office: Office, *changes: dict[str, object]) -> Summary:
    """Apply changes while the service runs, wherever the epoch in use has got to."""
    settings = office.installation.settings
    with closing(open_changer(settings.vault_database)) as vault:
        after = vault.position(vault.epoch(), "registry-1")
    return follow(settings, "changes.feed", feed(office.installation, after, *changes))


def load_file(office: Office) -> LoadSummary:
    """Load everyone as an operator does, and answer from it."""
    file = office.folder / "everyone.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(EVERYONE)
    return load(office.installation.settings, order_of(file, activate=True, fresh=True))


def held(office: Office, *rows: Mapping[str, str]) -> list[bool]:
    """Say who is held by the epoch in use."""
    found = comparable(office.installation, [row["NIK"] for row in rows])
    return [found[row["NIK"]] is not None for row in rows]


def boxes_of(office: Office) -> dict[int, dict[bytes, bytes]]:
    """Read every row of every epoch."""
    database = office.installation.settings.vault_database
    with closing(open_changer(database)) as vault:
        numbers = [epoch.number for epoch in vault.epochs()]
    return {number: dict(rows_of(database, number)) for number in numbers}


def test_a_lock_binds_whoever_is_not_exempt_and_is_lifted(office: Office) -> None:
    """Right or wrong, held or not: a locked number is answered as an outage, until two officers lift the lock."""
    for nik, name, before in ((BUDI["NIK"], BUDI["NAMA_LGKP"], MATCH), (UNKNOWN_NIK, "NOBODY", NO_MATCH)):
        wait_for(office.stub, name, nik, before)
        office.mark(Step.SET, Mark.LOCKED, nik)
        wait_for(office.stub, name, nik, WITHHELD)
        assert ask(office.stub, "SITI RAHAYU", nik) == WITHHELD
        assert ask(office.other, name, nik) == before
        office.mark(Step.LIFT, Mark.LOCKED, nik)
        wait_for(office.stub, name, nik, before)
    for kind in (EntryKind.RESIDENT_MARKED, EntryKind.RESIDENT_LIFTED):
        entries = [decode(row.entry) for row in office.entries(kind)]
        (entry, *_) = [each for each in entries if "mark=locked" in each.texts(Field.DETAIL)]
        detail = dict(text.split("=", 1) for text in entry.texts(Field.DETAIL))
        assert len(detail["approved"].split(",")) == 2
        assert {len(entry.fields[field]) for field in (Field.SUBJECT, Field.NONCE, Field.PERIOD)} == {16}


def test_one_officer_restricts_nobody(office: Office) -> None:
    """Without the second officer, for another number, or twice, a proposal changes nothing."""
    file = office.propose("alone", "resident", "--set", "restricted")
    assert BUDI["NIK"] not in file.read_text()
    assert "restrict one resident" in office.run("officer", "show", file)
    typed = f"{BUDI['NIK']}\n"
    assert "1 more of the roster" in office.run(
        "resident", "execute", file, typed=typed, code=int(ExitCode.REFUSED)
    )
    office.run("officer", "approve", file, "--key", office.key("bayu"))
    office.run("resident", "execute", file, typed=f"{SARI['NIK']}\n", code=int(ExitCode.REFUSED))
    assert "for resident.mark" in office.run("budget", "reset", file, code=int(ExitCode.INPUT))
    before = json.loads(office.run("resident", "count", "--json"))["restricted"]
    assert "done and logged" in office.run("resident", "execute", file, typed=typed)
    office.run("resident", "execute", file, typed=typed, code=int(ExitCode.STATE))
    assert json.loads(office.run("resident", "count", "--json"))["restricted"] == before + 1
    both = ("--set", "locked", "--lift", "locked")
    desk = ("resident", "propose", "--key", office.key("ani"), "--out", office.folder / "both")
    assert "either --set or --lift" in office.run(*desk, *both, code=int(ExitCode.INPUT))


def test_marks_go_along_with_a_number(office: Office) -> None:
    """Who is locked stays so under a new number, and under every number that is merged into theirs."""
    office.installation.load(EVERYONE)
    office.mark(Step.SET, Mark.LOCKED, SARI["NIK"])
    moved = {**SARI, "NIK": MOVED}
    apply(office, {"change": "nik_changed", "row": moved, "was": [SARI["NIK"]]})
    wait_for(office.stub, SARI["NAMA_LGKP"], MOVED, WITHHELD)
    apply(office, {"change": "merged", "row": BUDI, "also": [MOVED]})
    wait_for(office.stub, BUDI["NAMA_LGKP"], BUDI["NIK"], WITHHELD)
    assert ask(office.stub, BUDI["NAMA_LGKP"], MOVED) == WITHHELD
    desk = ("resident", "propose", "--key", office.key("ani"), "--out", office.folder / "old")
    merged = office.run(*desk, "--lift", "locked", typed=f"{MOVED}\n", code=int(ExitCode.REFUSED))
    assert "was merged into another one" in merged
    office.mark(Step.LIFT, Mark.LOCKED, BUDI["NIK"])
    wait_for(office.stub, BUDI["NAMA_LGKP"], BUDI["NIK"], MATCH)
    wait_for(office.stub, BUDI["NAMA_LGKP"], MOVED, MATCH)
    locked = json.loads(office.run("resident", "count", "--json"))["locked"]
    apply(office, {"change": "changed", "row": BUDI, "also": [MOVED]})
    after = json.loads(office.run("resident", "count", "--json"))["locked"]
    assert after == locked, "what was lifted does not come back with the number that was merged"


def test_a_mark_binds_before_its_bearer_is_found_under_another_number(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is locked is at no moment answered under a new number."""
    monkeypatch.setattr(application, "SEEN_SECONDS", POLL_SECONDS + 1.0)
    office.installation.load(EVERYONE)
    office.mark(Step.SET, Mark.LOCKED, SARI["NIK"])
    wait_for(office.stub, SARI["NAMA_LGKP"], SARI["NIK"], WITHHELD)
    apply(office, {"change": "nik_changed", "row": {**SARI, "NIK": MOVED}, "was": [SARI["NIK"]]})
    told = {ask(office.stub, SARI["NAMA_LGKP"], MOVED)}
    while WITHHELD not in told:
        told.add(ask(office.stub, SARI["NAMA_LGKP"], MOVED))
        time.sleep(0.1)
    assert told <= {NO_MATCH, WITHHELD}, "nobody knows the number, and then it is withheld"


def test_an_erasure_that_was_lifted_is_not_read_again(office: Office) -> None:
    """A load that old changes follow again holds whom officers have let back in, and nobody else."""
    files = [feed(office.installation, 0, {"change": "erased", "nik": KOMANG["NIK"], "also": [MERGED]})]
    office.installation.load(EVERYONE)
    follow(office.installation.settings, "erased.feed", files[0])
    office.mark(Step.LIFT, Mark.ERASED, KOMANG["NIK"])
    files.append(feed(office.installation, 1, {"change": "new", "row": KOMANG, "also": [MERGED]}))
    for data in files[1:]:
        follow(office.installation.settings, "back.feed", data)
    merged = {**KOMANG, "NIK": MERGED}
    assert held(office, KOMANG, merged) == [True, False]
    office.installation.load(EVERYONE)
    for data in files:
        follow(office.installation.settings, "again.feed", data)
    assert held(office, KOMANG, merged) == [True, False]


def test_officers_bind_whom_they_see_and_not_whom_a_number_was_merged_into_before(office: Office) -> None:
    """A restriction after two people were parted stays where it is; one that the vault is behind of goes along."""
    installation, moved = office.installation, {**SARI, "NIK": MOVED}
    apart = [{"change": "changed", "row": row} for row in (SARI, BUDI)]
    files = [
        feed(installation, 0, {"change": "merged", "row": BUDI, "also": [SARI["NIK"]]}),
        feed(installation, 1, *apart),
    ]
    renumbered = feed(installation, 3, {"change": "nik_changed", "row": moved, "was": [SARI["NIK"]]})

    def restricted() -> int:
        return int(json.loads(office.run("resident", "count", "--json"))["restricted"])

    installation.load(EVERYONE)
    for data in files:
        follow(installation.settings, "f", data)
    office.mark(Step.SET, Mark.RESTRICTED, SARI["NIK"])
    installation.load(EVERYONE)
    for data in files:
        follow(installation.settings, "f", data)
    assert restricted() == 1
    follow(installation.settings, "f", renumbered)
    assert restricted() == 2
    wait_for(office.stub, SARI["NAMA_LGKP"], MOVED, WITHHELD)


def test_the_erased_do_not_come_back(office: Office) -> None:
    """Erased by officers or the feed: unknown under every number, gone from the disk, kept out by load and feed."""
    for _ in range(2):  # the second epoch is in use, the first is retired
        office.installation.load(EVERYONE)
        apply(office, {"change": "merged", "row": KOMANG, "also": [MERGED]})
    wait_for(office.stub, KOMANG["NAMA_LGKP"], MERGED, MATCH)
    before = boxes_of(office)
    office.mark(Step.SET, Mark.ERASED, KOMANG["NIK"])
    for nik in (KOMANG["NIK"], MERGED):
        wait_for(office.stub, KOMANG["NAMA_LGKP"], nik, NO_MATCH)
    after = boxes_of(office)
    for number in sorted(after)[-2:]:
        changed = [token for token, box in after[number].items() if box != before[number][token]]
        assert len(changed) == 2, "the person's row under each of the two numbers"
    assert json.loads(office.run("resident", "count", "--json"))["to_purge"] == 0

    summary = apply(office, {"change": "changed", "row": KOMANG}, {"change": "changed", "row": WAYAN})
    assert [each.rule for each in summary.rejects] == [ERASED_RULE]
    renamed = {**KOMANG, "NIK": "3273010101909079"}
    hidden = apply(office, {"change": "nik_changed", "row": renamed, "was": [KOMANG["NIK"]]})
    assert [each.rule for each in hidden.rejects] == [ERASED_RULE]
    assert [each.rule for each in apply(office, {"change": "new", "row": renamed}).rejects] == [ERASED_RULE]
    erased = apply(office, {"change": "erased", "nik": WAYAN["NIK"]})
    assert (erased.erased, erased.rejects) == (1, [])
    wait_for(office.stub, WAYAN["NAMA_LGKP"], WAYAN["NIK"], NO_MATCH)

    summary_of = load_file(office)
    assert (summary_of.loaded, summary_of.rejected) == (len(EVERYONE) - 2, 2)
    assert Path(summary_of.rejects_file).read_text().count(ERASED_RULE) == 2
    assert held(office, KOMANG, WAYAN, SARI) == [False, False, True]
    assert ask(office.stub, KOMANG["NAMA_LGKP"], KOMANG["NIK"]) == NO_MATCH
    order = CheckOrder(source=str(office.folder / "everyone.csv"), workers=1)
    report = Check(office.installation.settings, order, Silence()).run()
    assert (report.rejected, report.is_clean) == (2, True), "the erased count apart"
    office.mark(Step.LIFT, Mark.ERASED, WAYAN["NIK"])
    apply(office, {"change": "new", "row": WAYAN})
    assert held(office, KOMANG, WAYAN) == [False, True]


def test_who_is_erased_while_a_load_runs_is_not_in_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that began before the officers decided ends without the person."""
    office.mark(Step.SET, Mark.ERASED, PUTU["NIK"])
    with monkeypatch.context() as patched:
        patched.setattr(Load, "_erased", lambda _: frozenset())  # what was true when it began
        assert load_file(office).loaded > 1
    assert held(office, PUTU, SARI) == [False, True]


def test_an_erasure_whose_rows_stay_for_now_says_how_they_go(office: Office) -> None:
    """Where a feed has the vault for longer than a purge waits, the number is marked and logged all the same."""
    nik = "3273014202859079"
    file = office.propose("busy", "resident", "--set", "erased", nik=nik)
    office.run("officer", "approve", file, "--key", office.key("bayu"))
    impatient = "from verifier.resident.purge import Purge; Purge.__init__.__kwdefaults__['patience'] = 0.1"
    with closing(open_changer(office.installation.settings.vault_database)):
        said = office.run("resident", "execute", file, typed=f"{nik}\n", code=5, before=impatient)
    assert "erased and logged, but rows may still lie in the vault" in said
    assert "run 'padan-server resident purge'" in said
    assert json.loads(office.run("resident", "count", "--json"))["to_purge"] == 1
    office.run("resident", "purge")
    assert json.loads(office.run("resident", "count", "--json"))["to_purge"] == 0


def test_an_older_vault_holds_nobody_who_was_erased(office: Office) -> None:
    """Rows that come back with a copy of the vault are not answered from, and `purge --everyone` removes them."""
    office.installation.load(EVERYONE)
    wait_for(office.stub, MADE["NAMA_LGKP"], MADE["NIK"], MATCH)
    copy = boxes_of(office)
    office.mark(Step.SET, Mark.ERASED, MADE["NIK"])
    wait_for(office.stub, MADE["NAMA_LGKP"], MADE["NIK"], NO_MATCH)
    with closing(open_changer(office.installation.settings.vault_database)) as vault:
        active = vault.epoch()
        vault.replace(active, sorted(copy[active.number].items()))
    assert held(office, MADE) == [True]
    time.sleep(6)  # longer than the service takes to see that the vault has changed, and to read the marks
    assert ask(office.stub, MADE["NAMA_LGKP"], MADE["NIK"]) == NO_MATCH
    assert "nobody to purge" in office.run("resident", "purge")
    assert (
        json.loads(office.run("resident", "purge", "--everyone", "--json"))["rows"][str(active.number)] >= 1
    )
    assert held(office, MADE) == [False]
    assert office.entries(EntryKind.RESIDENTS_PURGED)


@contextmanager
def unwritable(office: Office) -> Iterator[None]:
    """Let the database refuse every mark."""
    sqlite = "://" not in office.installation.settings.log_database
    put, drop = (
        (
            "CREATE TRIGGER refused BEFORE INSERT ON resident_mark BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "DROP TRIGGER refused",
        )
        if sqlite
        else (
            "ALTER TABLE resident_mark ADD CONSTRAINT refused CHECK (since_ms < 0) NOT VALID",
            "ALTER TABLE resident_mark DROP CONSTRAINT refused",
        )
    )
    engine = make_engine(parse_address(office.installation.settings.log_database))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(put)
        yield
        with engine.begin() as connection:
            connection.exec_driver_sql(drop)
    finally:
        engine.dispose()


def test_no_entry_tells_of_a_mark_that_was_not_set(office: Office) -> None:
    """What two officers decided is logged with what was done, or not at all."""
    before = len(office.entries(EntryKind.RESIDENT_MARKED))
    with unwritable(office), pytest.raises(LogUnavailableError):
        office.mark(Step.SET, Mark.LOCKED, BUDI["NIK"])
    assert len(office.entries(EntryKind.RESIDENT_MARKED)) == before
    office.mark(Step.SET, Mark.LOCKED, BUDI["NIK"])
    assert len(office.entries(EntryKind.RESIDENT_MARKED)) == before + 1
