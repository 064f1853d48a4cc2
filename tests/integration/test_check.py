"""Checks from end to end: what differs is found at its row, what does not is not, and a killed check goes on."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from padan import entry
from padan import nik as nik_grammar
from padan.cli.console import ExitCode
from tests.integration.checking import (
    assert_no_canary_but,
    changed,
    check,
    damage,
    feed,
    listed,
    trusting,
    write,
)
from tests.integration.loading import (
    AS_OF,
    CANARIES,
    CANARY_NIK,
    COMMAND,
    assert_no_canary,
    install,
    load,
    order_of,
    run,
)
from tests.marks import put
from verifier import config
from verifier.consistency.check import Check
from verifier.consistency.errors import CheckEpochError, CheckStateError
from verifier.consistency.order import RegionLevel, Sample
from verifier.log.open import open_log
from verifier.projector.columns import COLUMNS
from verifier.projector.errors import FieldMapError, LoadBusyError
from verifier.projector.fieldmap import FieldMap
from verifier.projector.plan import alone
from verifier.projector.projection import Projection, key_ids
from verifier.resident.mark import Mark, Marked
from verifier.synthetic.population import Population, Tally
from verifier.vault.open import open_rows
from verifier.vault.rowfile import LAST_HEAD
from verifier.vault.store import NoEpochError, VaultUnavailableError

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.synthetic.member import Row

PEOPLE = 700


@pytest.fixture(scope="module")
def people() -> list[Row]:
    """A population without faults, one of them made of canaries."""
    rows = list(Population(people=PEOPLE, seed=22, faults=False).rows(Tally()))
    rows[300] = [CANARIES.get(name, value) for name, value in zip(COLUMNS, rows[300], strict=True)]
    rows[300][0] = CANARY_NIK
    return rows


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, keyring: Path) -> Settings:
    """An installation whose vault is on each kind of database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return trusting(tmp_path, keyring, url)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, keyring: Path, people: list[Row]) -> Path:
    """A folder with an installation on SQLite that has loaded the people."""
    folder = tmp_path_factory.mktemp("loaded")
    source = write(tmp_path_factory.mktemp("source") / "people.csv", people)
    load(trusting(folder, keyring), order_of(source, activate=True))
    return folder


@pytest.fixture
def embedded(tmp_path: Path, loaded: Path) -> Settings:
    """Such an installation of one's own."""
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    return config.load(tmp_path / "padan.toml")


def test_a_fresh_load_agrees_entirely(settings: Settings, tmp_path: Path, people: list[Row]) -> None:
    """Nobody differs; what the load rejected the check rejects by the same rule; the log says how many, no more."""
    rows = [*people, people[3], [people[50][0], *people[99][1:]], list(people[5])]
    changed(rows, PEOPLE + 3, "AGAMA", "99")
    source = write(tmp_path / "people.csv", rows)
    load(settings, order_of(source, activate=True))
    report = check(settings, source)
    assert report.is_clean
    assert (report.people.agrees, report.people.agreement, report.rejected, report.duplicates) == (
        PEOPLE,
        1.0,
        1,
        2,
    )
    assert listed(report) == [
        (PEOPLE + 1, "NIK", "nik.duplicate"),
        (PEOPLE + 2, "NIK", "nik.duplicate"),
        (PEOPLE + 3, "AGAMA", "code.unknown"),
    ]
    held = report.vault
    assert held is not None
    assert (held.accounted, held.extra, held.decoys, held.damaged, held.rejected) == (PEOPLE, 0, 256, 0, 0)
    assert all(each.agreement in {1.0, None} for each in report.attributes)
    assert sum(part.people.agrees for part in report.regions) == PEOPLE
    assert [(part.name, part.people.agrees) for part in report.ages] == [("undated", PEOPLE)]
    with closing(open_log(settings.log_database)) as log:
        last = entry.decode(log.entries(0, 10)[-1].entry)
    assert (last.kind, last.number(entry.Field.EPOCH)) == (entry.EntryKind.CHECKED, 1)
    details = dict(text.split("=", 1) for text in last.texts(entry.Field.DETAIL))
    assert details.pop("check") == report.id
    assert all(value.replace(".", "").isdigit() for value in details.values())
    assert (details["agrees"], details["rejected"], details["extra"]) == (str(PEOPLE), "3", "0")
    assert list((settings.data_dir / "checks").iterdir()) == [settings.data_dir / "checks" / "lock"]
    assert_no_canary_but(settings, source, json.dumps(report.values()))


def test_each_difference_is_found_at_its_row(settings: Settings, tmp_path: Path, people: list[Row]) -> None:
    """Values, absences, a row that does not open, missing and extra people: exactly these rows, and no others."""
    load(settings, order_of(write(tmp_path / "people.csv", people), activate=True))
    rows = [list(row) for row in people]
    changed(rows, 5, "NAMA_LGKP", "SOMEBODY ELSE")
    changed(rows, 17, "NO_KK", "")
    changed(rows, 129, "TGL_LHR", "1971-02-03")
    changed(rows, 256, "STATUS_HIDUP", "2" if rows[255][-1] == "1" else "1")
    damage(settings, rows[399][0])
    lost = rows.pop(599)  # nobody in the source accounts for row 600 of the load
    changed(rows, 650, "NIK", "3273010101909077")  # two people more: one is unknown, one is not asked about
    dated = [[*row, "2026-06-03" if number == 5 else "2025-12-24"] for number, row in enumerate(rows, 1)]
    source = write(tmp_path / "now.parquet", dated, (*COLUMNS, "TGL_UBAH"))
    report = check(settings, source, field_map=FieldMap(changed="tgl_ubah"))
    assert listed(report) == [
        (5, "name", "value.differs"),
        (17, "family_card_number", "only.vault"),
        (129, "birth_date", "value.differs"),
        (256, "life_status", "value.differs"),
        (256, "standing", "value.differs"),
        (400, "", "row.unreadable"),
        (650, "", "person.missing"),
    ]
    found, held = report.people, report.vault
    assert (found.agrees, found.differs, found.missing, found.unreadable) == (PEOPLE - 7, 4, 1, 1)
    assert held is not None
    assert (held.accounted, held.extra, held.damaged, held.decoys) == (PEOPLE - 3, 2, 1, 256)
    assert not report.is_clean
    amiss = {
        part.name: part.people.differs + part.people.missing + part.people.unreadable
        for part in report.regions
    }
    regions = [rows[number - 1][COLUMNS.index("NO_PROP")].zfill(2) for number in (5, 17, 129, 256, 400, 650)]
    assert {name: count for name, count in amiss.items() if count} == {
        name: regions.count(name) for name in set(regions)
    }
    assert {each.name: each.value for each in report.attributes if each.value} == {
        "name": 1, "birth_date": 1, "life_status": 1, "standing": 1,
    }  # fmt: skip
    assert [(part.name, part.people.agrees, part.people.differs) for part in report.ages] == [
        ("changed after the epoch's day", 0, 1),
        ("31 to 365 days", PEOPLE - 7, 3),
    ]
    assert lost[0] not in json.dumps(report.values())


def test_later_changes_are_told_apart(embedded: Settings, tmp_path: Path, people: list[Row]) -> None:
    """What the source is too old to hold is newer, not amiss; for a source that claims to hold it, it is amiss."""
    source = write(tmp_path / "people.csv", people)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in people]
    merged = {**rows[40], "NIK": "3273010101909079"}
    feed(
        embedded,
        {"change": "changed", "row": {**rows[10], "NAMA_LGKP": "ANOTHER NAME"}},
        {"change": "withdrawn", "nik": rows[20]["NIK"]},
        {"change": "new", "row": {**rows[30], "NIK": "3273010101909078"}},
        {"change": "changed", "row": rows[40], "also": [merged["NIK"]]},
    )
    older = check(embedded, source, position=0)
    assert older.is_clean
    assert (older.people.newer, older.people.agrees) == (2, PEOPLE - 2)
    assert listed(older) == [(11, "", "vault.newer"), (21, "", "vault.newer")]
    assert older.vault is not None
    assert (older.vault.extra, older.vault.extra_newer, older.vault.merged, older.vault.nobody) == (
        0,
        1,
        1,
        1,
    )
    today = check(embedded, source)
    assert today.position == 4
    assert listed(today) == [(11, "name", "value.differs"), (21, "", "person.withdrawn")]
    assert today.vault is not None
    assert (today.vault.extra, today.vault.merged, today.vault.accounted) == (1, 1, PEOPLE - 1)


def test_a_sample_takes_its_share(embedded: Settings, tmp_path: Path, people: list[Row]) -> None:
    """About the share is taken, a doubled number is known in it too, and the vault is not read whole."""
    rows = [list(row) for row in people]
    for number in range(1, PEOPLE + 1):
        changed(rows, number, "AGAMA", str(int(rows[number - 1][COLUMNS.index("AGAMA")]) % 6 + 1))
    source = write(tmp_path / "now.csv", [*rows, *people])
    report = check(embedded, source, sample=Sample.parse("200"), region_level=RegionLevel.REGENCY)
    assert 130 < report.people.differs == report.duplicates < 280
    assert (report.people.agrees, report.vault) == (0, None)
    assert {(field, rule) for _, field, rule in listed(report)} == {
        ("religion", "value.differs"),
        ("NIK", "nik.duplicate"),
    }
    assert all(len(part.name) == 4 for part in report.regions)


def test_who_was_erased_is_a_reject_and_must_not_be_held(
    embedded: Settings, tmp_path: Path, people: list[Row]
) -> None:
    """A row of somebody erased is rejected as in a load; where the vault holds it still, the copy is not right."""
    with closing(LocalKeyAgent.unlock(embedded.keyring, embedded.kek)) as agent:
        inner = Projection.of(agent, epoch=1, as_of=AS_OF, keys=key_ids(agent)).inner
        nik = nik_grammar.parse(people[8][0], AS_OF)
        names = Marked(tombstone=inner.tombstone(nik), handle=inner.handles(nik).budget_subject)
        put(embedded.log_database, names, Mark.ERASED)
    report = check(embedded, write(tmp_path / "people.csv", people))
    assert listed(report) == [(9, "NIK", "nik.erased")]
    assert report.people.agrees == PEOPLE - 1
    assert report.vault is not None
    assert (report.vault.erased, report.vault.extra, report.vault.rejected, report.is_clean) == (
        1,
        0,
        0,
        False,
    )


def test_a_killed_check_goes_on(embedded: Settings, tmp_path: Path, people: list[Row]) -> None:
    """The same command keeps what was examined and comes to the same; nothing raw lies about in between."""
    rows = [list(row) for row in people]
    source = tmp_path / "people.csv"
    changed(rows, 650, "AGAMA", str(int(rows[649][COLUMNS.index("AGAMA")]) % 6 + 1))
    write(source, rows)
    words = (
        "registry",
        "check",
        str(source),
        "--workers",
        "1",
        "--rate",
        "100",
        "--chunk-rows",
        "50",
        "--json",
    )
    command = [*COMMAND, "--config", str(tmp_path / "padan.toml"), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not (kept := len(list((embedded.data_dir / "checks").rglob("chunk-*.run")))):
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.05)
    process.kill()
    out, _ = process.communicate()
    parked = source.read_bytes()
    source.unlink()
    assert_no_canary(embedded, out)
    source.write_bytes(parked)
    code, out, err = run(embedded, *words[:5], *words[7:])
    assert code == int(ExitCode.NO), err
    report = json.loads(out)
    assert report["run"]["kept_runs"] >= kept
    assert (report["people"]["agrees"], report["people"]["differs"], report["vault"]["extra"]) == (
        PEOPLE - 1,
        1,
        0,
    )
    with Path(report["rows_file"]).open(newline="") as file:
        assert [row[:2] for row in csv.reader(file)][1:] == [["650", "religion"]]


def test_a_check_that_failed_keeps_everything(
    postgres_url: str, tmp_path: Path, keyring: Path, people: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that ended before its log entry is made up of what was examined, also what it read of the vault."""
    settings = install(tmp_path, keyring, postgres_url)
    source = write(tmp_path / "people.csv", people)
    load(settings, order_of(source, activate=True))

    def fail(*_: object) -> None:
        raise CheckStateError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(Check, "_log", fail)
        with pytest.raises(CheckStateError):
            check(settings, source)
    report = check(settings, source)
    assert report.is_clean
    assert report.run.kept_runs == -(-PEOPLE // 128) + 1
    assert report.vault is not None
    assert (report.vault.accounted, report.vault.decoys) == (PEOPLE, 256)


def test_epochs_are_chosen_and_refused(embedded: Settings, tmp_path: Path, people: list[Row]) -> None:
    """A named epoch is checked though another is active; one of another make, or none, is refused by name."""
    source = write(tmp_path / "people.csv", people)
    load(embedded, order_of(write(tmp_path / "fewer.csv", people[:90]), activate=True))
    assert check(embedded, source, epoch=1).is_clean
    with pytest.raises(NoEpochError):
        check(embedded, source, epoch=3)
    with (
        alone(embedded.data_dir / "checks", what="check"),
        pytest.raises(LoadBusyError, match="another check"),
    ):
        check(embedded, source)
    with pytest.raises(FieldMapError, match="DIUBAH"):
        check(embedded, source, field_map=FieldMap(changed="DIUBAH"))
    with closing(sqlite3.connect(Path(embedded.vault_database) / "catalogue.sqlite")) as connection:
        connection.execute("UPDATE epoch SET normaliser = 'older' WHERE number = 2")
        connection.commit()
    with pytest.raises(CheckEpochError, match="epoch 2"):
        check(embedded, source)


def test_rows_are_read_while_changes_take_files_in(
    embedded: Settings, people: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading that falls between a change and what it removed reads what there is then; a lost file is told."""
    with closing(open_rows(embedded.vault_database)) as vault:
        states, now = [vault.epoch()], vault.epoch
        feed(
            embedded, *({"change": "changed", "row": dict(zip(COLUMNS, row, strict=True))} for row in people)
        )
        monkeypatch.setattr(vault, "epoch", lambda number: states.pop() if states else now(number))
        assert len(vault.between(1, 0, LAST_HEAD)) == PEOPLE + 256
        for file in Path(embedded.vault_database).glob("epoch-*.sqlite"):
            file.unlink()
        with pytest.raises(VaultUnavailableError):
            vault.between(1, 0, LAST_HEAD)
