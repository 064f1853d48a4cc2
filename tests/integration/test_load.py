"""Loads from end to end: counts, duplicates, kills, resumption, and nothing raw on any disk."""

from __future__ import annotations

import csv
import json
import random
import shutil
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psycopg
import pytest

from keys.agent import LocalKeyAgent
from padan import entry
from tests.integration.loading import (
    AS_OF,
    BROKEN_CANARY,
    CANARIES,
    CANARY_NIK,
    PEOPLE,
    REJECTS,
    assert_no_canary,
    check_rows,
    install,
    load,
    order_of,
    run,
)
from verifier.log.open import open_log
from verifier.projector import activation
from verifier.projector.columns import COLUMNS
from verifier.projector.errors import FieldMapError, LoadMismatchError, WorkerError
from verifier.projector.fieldmap import FieldMap
from verifier.projector.load import Load
from verifier.reference.bringing import Bringing
from verifier.synthetic import output
from verifier.synthetic.population import Population, Tally
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.projector.order import Summary
    from verifier.synthetic.member import Row


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, keyring: Path) -> Settings:
    """An installation whose vault is on each kind of database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return install(tmp_path, keyring, url)


@pytest.fixture
def embedded(tmp_path: Path, keyring: Path) -> Settings:
    """An installation on SQLite."""
    return install(tmp_path, keyring, "")


@pytest.fixture(scope="module")
def people() -> list[Row]:
    """A population without faults, one of them made of canaries."""
    rows = list(Population(people=PEOPLE, seed=21, faults=False).rows(Tally()))
    rows[700] = [CANARIES.get(name, value) for name, value in zip(COLUMNS, rows[700], strict=True)]
    rows[700][0] = CANARY_NIK
    return rows


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, people: list[Row]) -> Path:
    """The population as a file, with rows that must be rejected at known places."""
    rows = list(people)
    rows.insert(1_000, people[3])  # row 1001 doubles row 4
    rows.insert(100, [people[50][0], *people[99][1:]])  # row 101 has the number of row 51
    broken = list(people[5])
    broken[COLUMNS.index("AGAMA")] = BROKEN_CANARY
    rows.insert(200, broken)  # row 201
    path = tmp_path_factory.mktemp("source") / "people.csv"
    output.write(path, COLUMNS, rows)
    return path


def test_a_population_is_loaded_or_rejected_row_by_row(
    settings: Settings, source: Path, people: list[Row]
) -> None:
    """Every row is either a person in the active epoch or a reject with number, field and rule."""
    summary = load(settings, order_of(source, activate=True))
    assert (summary.read, summary.loaded, summary.rejected) == (PEOPLE + 3, PEOPLE, 3)
    assert (summary.duplicates, summary.decoys, summary.activated) == (2, 256, True)
    with Path(summary.rejects_file).open(newline="") as file:
        assert list(csv.reader(file)) == REJECTS
    check_rows(settings, summary.epoch, people)
    assert list((settings.data_dir / "loads").iterdir()) == [settings.data_dir / "loads" / "lock"]


def unasked(settings: Settings) -> Bringing:
    """Bring references along, of which there are none: nobody is asked for keys."""

    def unlock() -> NoReturn:
        raise AssertionError

    return Bringing(settings.vault_database, unlock)


def test_each_load_is_an_epoch_and_a_log_entry(embedded: Settings, source: Path) -> None:
    """A second load leaves the first active until it is activated; all steps are in the log."""
    first = load(embedded, order_of(source, activate=True))
    second = load(embedded, order_of(source))
    writer, log = open_writer(embedded.vault_database), open_log(embedded.log_database)
    try:
        assert [epoch.state for epoch in writer.epochs()] == [EpochState.ACTIVE, EpochState.READY]
        assert activation.activate(writer, log, second.epoch, unasked(embedded)) == first.epoch
        assert [epoch.state for epoch in writer.epochs()] == [EpochState.RETIRED, EpochState.ACTIVE]
        entries = [entry.decode(row.entry) for row in log.entries(0, 10)]
    finally:
        writer.close()
        log.close()
    assert [found.kind for found in entries] == [100, 101, 100, 101]
    assert [found.number(entry.Field.EPOCH) for found in entries] == [1, 1, 2, 2]
    details = entries[0].texts(entry.Field.DETAIL)
    assert f"loaded={PEOPLE}" in details
    assert "rejected=3" in details


def test_a_missing_column_ends_the_load_before_it_begins(embedded: Settings, tmp_path: Path) -> None:
    """Nothing is reserved, unlocked or written for a source that lacks a column."""
    path = tmp_path / "short.csv"
    path.write_text(",".join(COLUMNS[:-1]) + "\n")
    with pytest.raises(FieldMapError, match=r"STATUS_HIDUP.*--field-map"):
        load(embedded, order_of(path))
    assert not (embedded.data_dir / "loads").exists()


def test_other_names_and_kinds_of_sources(embedded: Settings, tmp_path: Path, people: list[Row]) -> None:
    """A field map, a Parquet file and defaults give the same people."""
    path = tmp_path / "people.parquet"
    names = [f"kolom_{place}" for place in range(len(COLUMNS) - 1)]
    output.write(path, names, [row[:-1] for row in people])
    field_map = FieldMap(
        columns=dict(zip(COLUMNS, names, strict=False)), defaults={COLUMNS[-1]: people[0][-1]}
    )
    summary = load(embedded, order_of(path, field_map=field_map, activate=True))
    assert (summary.loaded, summary.rejected) == (PEOPLE, 0)
    check_rows(embedded, summary.epoch, people)


def test_an_empty_source_is_an_epoch_of_decoys(embedded: Settings, tmp_path: Path) -> None:
    """No people is no error."""
    path = tmp_path / "empty.csv"
    path.write_text(",".join(COLUMNS) + "\n")
    summary = load(embedded, order_of(path, activate=True))
    assert (summary.read, summary.loaded, summary.decoys) == (0, 0, 256)
    check_rows(embedded, summary.epoch, [])


def test_a_load_that_failed_goes_on_where_it_was(
    settings: Settings, source: Path, people: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that are there are used, also when the merge was broken off; the day stays that of the start."""

    def fail(*_: object) -> Path:
        raise LoadMismatchError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(Load, "_write_rejects", fail)
        with pytest.raises(LoadMismatchError):
            load(settings, order_of(source))
    summary = load(settings, order_of(source, as_of=None, activate=True))
    assert summary.kept_runs == 10
    assert summary.as_of == AS_OF.isoformat()
    assert (summary.epoch, summary.loaded) == (1, PEOPLE)
    check_rows(settings, summary.epoch, people)


def test_a_load_that_was_killed_before_its_log_entry_is_logged(
    embedded: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch that was ready, but not logged, is logged and concluded by the same command."""

    def fail(*_: object) -> Summary:
        raise LoadMismatchError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(Load, "_conclude", fail)
        with pytest.raises(LoadMismatchError):
            load(embedded, order_of(source))
    summary = load(embedded, order_of(source, activate=True))
    assert (summary.epoch, summary.loaded, summary.activated) == (1, PEOPLE, True)


def test_only_changed_chunks_are_projected_again(
    embedded: Settings, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that changed between kill and resumption gives what it holds now."""
    path = tmp_path / "people.csv"
    shutil.copy(source, path)

    def fail(*_: object) -> Path:
        raise LoadMismatchError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(Load, "_write_rejects", fail)
        with pytest.raises(LoadMismatchError):
            load(embedded, order_of(path))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-200]))
    summary = load(embedded, order_of(path))
    assert summary.read == PEOPLE + 3 - 200
    assert 0 < summary.kept_runs < 9


def test_another_order_is_another_epoch_and_fresh_throws_away(
    embedded: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed load is only gone on with by the same order; --fresh drops its epoch."""

    def fail(*_: object) -> Path:
        raise LoadMismatchError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(Load, "_write_rejects", fail)
        with pytest.raises(LoadMismatchError):
            load(embedded, order_of(source))
    assert load(embedded, order_of(source, as_of=date(2026, 6, 2))).epoch == 2
    summary = load(embedded, order_of(source, fresh=True))
    assert (summary.epoch, summary.kept_runs) == (3, 0)
    writer = open_writer(embedded.vault_database)
    try:
        states = [epoch.state for epoch in writer.epochs()]
    finally:
        writer.close()
    assert states == [EpochState.DROPPED, EpochState.READY, EpochState.READY]


def test_a_worker_that_cannot_begin_ends_the_load(
    embedded: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's failure is the load's, told without any value."""
    unlocked = LocalKeyAgent.unlock(embedded.keyring, embedded.kek)
    monkeypatch.setattr(LocalKeyAgent, "unlock", lambda *_, **__: unlocked)
    (embedded.keyring.parent / "pass").write_text("another passphrase than before")
    with pytest.raises(WorkerError, match="PassphraseError at"):
        load(embedded, order_of(source))


@pytest.mark.timeout(300)
def test_killed_again_and_again_nothing_raw_stays_and_nothing_is_lost(
    settings: Settings, source: Path, people: list[Row]
) -> None:
    """Kills at random moments cost at most the chunks under way; no file and no output ever holds a value of a row."""
    rng = random.Random(4)
    arguments = (
        "registry",
        "load",
        str(source),
        "--as-of",
        AS_OF.isoformat(),
        "--workers",
        "2",
        "--chunk-rows",
        "64",
    )
    began = time.monotonic()
    code, out, err = run(settings, *arguments, "--json", seconds=2.0)
    spent = 3.0
    for _ in range(3):
        if code == 0:
            break
        assert_no_canary(settings, out, err)
        code, out, err = run(settings, *arguments, "--json", seconds=spent + rng.random())
        spent += 1.0
        assert time.monotonic() - began < 200
    if code != 0:
        code, out, err = run(settings, *arguments, "--json")
    assert code == 0, err
    summary = json.loads(out)
    assert (summary["read"], summary["loaded"], summary["rejected"]) == (PEOPLE + 3, PEOPLE, 3)
    code, listed, err = run(settings, "epoch", "activate", str(summary["epoch"]), "--json")
    assert code == 0, err
    assert_no_canary(settings, out, listed, err)
    check_rows(settings, summary["epoch"], people)


def test_no_value_is_in_the_databases_own_files(
    postgres_url: str, tmp_path: Path, keyring: Path, source: Path
) -> None:
    """PostgreSQL's table holds tokens and boxes alone."""
    settings = install(tmp_path, keyring, postgres_url)
    summary = load(settings, order_of(source))
    statement = f"COPY epoch_{summary.epoch:06d} TO STDOUT (FORMAT binary)"
    with psycopg.connect(postgres_url) as connection, connection.cursor().copy(statement) as copy:
        data = b"".join(copy)
    assert len(data) > PEOPLE * 900
    for secret in (*CANARIES.values(), CANARY_NIK):
        assert secret.encode() not in data


def test_the_command_line_tells_what_became_of_a_load(embedded: Settings, source: Path) -> None:
    """Without --json a person reads counts, rate, memory, rejects and the next step."""
    code, out, err = run(
        embedded, "registry", "load", str(source), "--as-of", AS_OF.isoformat(), "--workers", "1"
    )
    assert code == 0, err
    assert "1,203 rows read = 1,200 people loaded + 3 rejected (2 of them twice)" in out
    assert "people/s" in out
    assert "padan-server epoch activate 1" in out
    code, out, err = run(embedded, "epoch", "list", "--json")
    [epoch] = json.loads(out)
    assert (epoch["number"], epoch["state"], epoch["people"]) == (1, "ready", PEOPLE)
    code, out, err = run(embedded, "epoch", "activate", "7")
    assert code != 0
    assert "there is no epoch 7" in err
    code, out, err = run(embedded, "epoch", "drop", "1")
    assert code == 0, err


def test_the_command_line_makes_populations_and_lists(embedded: Settings, tmp_path: Path) -> None:
    """Synthetic populations and social-aid lists come as CSV and Parquet."""
    population = tmp_path / "population.parquet"
    code, out, err = run(embedded, "registry", "synth", str(population), "--people", "2000", "--json")
    assert code == 0, err
    assert json.loads(out)["people"] == 2_000
    code, out, err = run(
        embedded, "registry", "beneficiaries", str(tmp_path / "aid.csv"),
        "--population", str(population), "--people", "300", "--json",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["lines"] == 300
    assert (tmp_path / "aid.truth.csv").read_text().count("\n") == 301
