"""`padan-server status` beside a service that runs, one that does not, and databases that are away."""

from __future__ import annotations

import json
import math
import shutil
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.v1 import attribute_pb2, verification_pb2, verification_pb2_grpc
from tests.installation import install
from tests.people import BUDI
from tests.service import request, running, wait_until_ready
from verifier import schema, scrape
from verifier.cli.server import build
from verifier.directory import Directory
from verifier.dispute.state import State
from verifier.dispute.table import DisputeTable
from verifier.expiry import Kind
from verifier.log.open import open_log
from verifier.log.tally import count_recent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation


def status(installation: Installation, code: ExitCode) -> dict[str, Any]:
    """Run the command, as words and as JSON; gives the document and the words under "words"."""
    words = ["--config", str(installation.config_path), "status"]
    told = CliRunner().invoke(build(("status",)), words)
    done = CliRunner().invoke(build(("status",)), [*words, "--json"])
    assert (told.exit_code, done.exit_code) == (code, code), (told.stdout, told.exception)
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["well"] == (code == ExitCode.DONE)
    return {**document, "words": told.stdout}


def test_a_service_that_runs_and_then_does_not(tmp_path: Path) -> None:
    """The screen shows workers, epoch, log and today's counts; afterwards that nothing runs, and the rest still."""
    installation = install(tmp_path)
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, 60)
        with service.channel() as channel:
            _ask(verification_pb2_grpc.VerificationServiceStub(channel), 3)
        _until_published(installation)
        up = status(installation, ExitCode.DONE)
        readings = scrape.read(installation.settings.metrics_listen)
    _shows_standing(readings, up)
    assert up["service"] == {
        "state": "ready",
        "reason": None,
        "workers": 1,
        "workers_ready": 1,
        "answers": 3,
        "blocked": 0,
        "refusals": 0,
        "sealed": None,
    }
    assert up["vault"]["active"] == 1
    assert up["vault"]["epochs"][0]["people"] == 3
    assert up["log"]["today"]["entries"] == up["log"]["entries"] >= 4
    assert (up["affairs"]["disputes"], up["affairs"]["late"]) == (0, 0)
    assert {each["kind"] for each in up["ends"]} == {"server-certificate", "caller-certificate"}
    assert "ready, 1 of 1 workers" in up["words"]
    down = status(installation, ExitCode.NO)
    assert down["service"]["state"] == "does not run"
    with closing(open_log(installation.settings.log_database)) as log:
        assert down["log"]["entries"] == sum(1 for _ in log.entries(0, 1_000)) >= up["log"]["entries"]
    assert down["log"]["entries"] >= down["log"]["published"] > 0
    assert "DOES NOT RUN" in down["words"]
    for secret in (BUDI["NIK"], BUDI["NAMA_LGKP"], "officer-1"):
        assert secret not in json.dumps(up) + json.dumps(down)


def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """With both databases on PostgreSQL everything is read there."""
    installation = install(tmp_path, log_url=postgres_url, vault_url=postgres_url)
    document = status(installation, ExitCode.NO)
    assert document["vault"]["epochs"][0]["people"] == 3
    assert document["log"] == {
        "entries": 0,
        "last": None,
        "published": 0,
        "today": {"alerts": 0, "blocked": 0, "entries": 0, "resets": 0, "whole": True},
    }
    assert document["affairs"] == {
        "disputes": 0,
        "late": 0,
        "leader_age_seconds": None,
        "term": 0,
        "witness_age_seconds": None,
    }
    assert {each["kind"] for each in document["ends"]} == {"server-certificate", "caller-certificate"}


def _until_published(installation: Installation) -> None:
    """Wait until the first entries are in a published checkpoint."""
    until = time.monotonic() + 60
    while not status(installation, ExitCode.DONE)["log"]["published"]:
        assert time.monotonic() < until, "no checkpoint was published"
        time.sleep(0.2)


def _shows_standing(readings: scrape.Readings, up: dict[str, Any]) -> None:
    """The metrics of a service that runs say what the screen says."""
    assert readings.total("padan_workers") == 1
    assert readings.total("padan_row_seals") == up["seals"]["rows"] == 67
    assert readings.total("padan_log_entries") is not None
    assert readings.total("padan_disk_free_bytes") == pytest.approx(up["disk"]["free_bytes"], rel=0.05)
    left = readings.by_label("padan_expiry_seconds", "kind")
    assert left.keys() == {*map(str, Kind)}
    assert 29 * 86_400 < left[Kind.SERVER_CERTIFICATE] < 30 * 86_400
    assert left[Kind.GRANT] == math.inf


def _ask(stub: verification_pb2_grpc.VerificationServiceStub, count: int) -> None:
    for _ in range(count):
        answer = stub.Verify(request(request_id=str(uuid.uuid4())), timeout=5)
        assert isinstance(answer, verification_pb2.VerifyResponse)


def test_what_is_away_is_said(tmp_path: Path) -> None:
    """Without vault, log, keyring and folder each is told as away, with the reason, and nothing falls over."""
    installation = install(tmp_path)
    shutil.rmtree(installation.settings.data_dir / "vault")
    without_vault = status(installation, ExitCode.NO)
    assert without_vault["vault"]["away"].startswith("vault: ")
    assert without_vault["log"]["entries"] == 0
    shutil.rmtree(installation.settings.data_dir)
    installation.settings.keyring.unlink()
    nothing = status(installation, ExitCode.NO)
    assert all("away" in nothing[part] for part in ("vault", "log", "affairs", "keyring", "disk"))
    assert nothing["words"].count("AWAY: ") == 4


def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    """A PostgreSQL that is away takes seconds, and is said to be away."""
    url = "postgresql://127.0.0.1:1/none"
    installation = install(tmp_path)
    installation.config_path.write_text(f'log_url = "{url}"\n{installation.config_path.read_text()}')
    document = status(installation, ExitCode.NO)
    assert document["log"]["away"].startswith("log: ")
    assert document["vault"]["active"] == 1


def _entries(directory: Directory, kinds: list[tuple[int, int]], *, every_ms: int) -> None:
    with directory.writing() as connection:
        for place, (kind, outcome) in enumerate(kinds, 1):
            connection.execute(
                insert(schema.entry).values(
                    sequence=place,
                    kind=kind,
                    agency="",
                    purpose="",
                    outcome=outcome,
                    log_time_ms=place * every_ms,
                    entry=b"e",
                    salt=b"s",
                    leaf=b"l",
                )
            )


def test_the_newest_entries_are_counted(log_database: str) -> None:
    """Entries since a time are counted by kind and outcome; of too many only the newest, and that is said."""
    blocked = int(attribute_pb2.VERDICT_BLOCKED)
    kinds = [(EntryKind.VERIFY, blocked), (EntryKind.BUDGET_ALERT, 0), (EntryKind.VERIFY, 1)] * 4
    directory = Directory(log_database)
    _entries(directory, [(int(kind), outcome) for kind, outcome in kinds], every_ms=20_000)
    with directory.reading() as connection:
        since = count_recent(connection, since_ms=7 * 20_000, at_most=100)
        newest = count_recent(connection, since_ms=0, at_most=2)
    directory.close()
    assert (since.entries, since.is_whole) == (6, True)
    assert (since.of_kind(EntryKind.BUDGET_ALERT), since.with_outcome(blocked)) == (2, 2)
    assert (newest.entries, newest.is_whole) == (2, False)


def test_open_disputes_are_counted(log_database: str) -> None:
    """Those that are not resolved count, and of these those whose time is up; a resolved one does not."""
    directory = Directory(log_database)
    with directory.writing() as connection:
        for name, state, due_ms in (
            ("a", State.OPENED, 5),
            ("b", State.IN_REVIEW, 50),
            ("c", State.RESOLVED, 5),
        ):
            connection.execute(
                insert(schema.dispute).values(
                    id=name,
                    agency="tax",
                    request_id=name.encode(),
                    order_digest=b"d",
                    answer=1,
                    state=int(state),
                    outcome=0,
                    opened_ms=1,
                    due_ms=due_ms,
                    changed_ms=1,
                    document=b"{}",
                )
            )
    assert DisputeTable(directory).count_open(10) == (2, 1)
    directory.close()
