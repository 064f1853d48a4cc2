"""`padan-keys status` and `compromise` beside a real vault and a real log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.service import request, running
from verifier.cli import custodian
from verifier.cli.custody_choice import CHOICE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with people, an agency and its entries in the log."""
    made = install(tmp_path_factory.mktemp("inventory"))
    with running(made) as service, service.channel() as channel:
        verification_pb2_grpc.VerificationServiceStub(channel).Verify(request(), timeout=5)
    return made


def call(installation: Installation, *words: str, code: ExitCode = ExitCode.DONE) -> str:
    """Run a custodian's command; gives what it printed."""
    done = CliRunner().invoke(custodian.build(), ["--config", str(installation.config_path), *words])
    assert done.exit_code == code, (done.stdout, done.exception)
    return done.stdout


def test_status_tells_uses_from_catalogue_and_log(installation: Installation, tmp_path: Path) -> None:
    """Rows sealed are the catalogue's, entries the log's; who may use and unlock is said, and the CBOM is written."""
    bom = tmp_path / "bom.json"
    told: dict[str, Any] = json.loads(call(installation, "status", "--json", "--cbom", str(bom)))
    keys = {key["purpose"]: key for key in told["keys"]}
    assert told["uses_away"] == []
    assert keys["row-seal"]["uses"]["of"] == "rows sealed"
    assert keys["row-seal"]["uses"]["count"] == keys["outer-token"]["uses"]["count"] > 0
    assert keys["index"]["uses"]["of"] == "rows projected"
    assert keys["receipt-signing"]["uses"]["of"] == "log entries at most"
    assert keys["projector-feed"]["uses"] is None
    assert (keys["index"]["version"], keys["index"]["used_by"]) == (1, ["service", "projector"])
    assert told["unlocked_by"] == "whoever has the KEK file and its passphrase"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom.read_text()) is None
    words = call(installation, "status")
    assert "unlocked by whoever" in words
    assert "rows sealed" in words


def test_status_says_what_is_away(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the vault away its uses are unknown, with the reason, and the rest is told."""
    monkeypatch.setenv("PADAN_VAULT_URL", "postgresql://nobody@127.0.0.1:1/none")
    told: dict[str, Any] = json.loads(call(installation, "status", "--json"))
    keys = {key["purpose"]: key for key in told["keys"]}
    assert len(told["uses_away"]) == 1
    assert (keys["row-seal"]["uses"], keys["receipt-signing"]["uses"]["of"]) == (None, "log entries at most")
    assert "uses are not known" in call(installation, "status")


def test_an_alarm_ends_with_1(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 30 days before the first end on, the exit code is 1, for whoever runs it each day."""
    now = datetime.now(UTC)
    monkeypatch.setattr(CHOICE, "now", lambda: now + timedelta(days=334))
    call(installation, "status")
    monkeypatch.setattr(CHOICE, "now", lambda: now + timedelta(days=336))
    assert "alarm: " in call(installation, "status", code=ExitCode.NO)


def everything(folder: Path) -> dict[str, bytes]:
    """Read every file of an installation but what SQLite keeps for readers."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".lock"))
    }


def test_a_drill_shows_what_is_exposed_and_changes_nothing(installation: Installation) -> None:
    """Epoch, rows, log range, plan, time and the notice's facts are told of a row seal key; no file changes."""
    call(installation, "compromise", "row-seal", "--dry-run")
    before = everything(installation.root)
    told: dict[str, Any] = json.loads(call(installation, "compromise", "row-seal", "--dry-run", "--json"))
    assert everything(installation.root) == before
    assert (told["dry_run"], told["away"], told["key"]["version"]) == (True, [], 1)
    (epoch,) = told["records"]["epochs"]
    assert epoch["state"] == "active"
    spent = told["time"]
    assert 0 < spent["sampled_rows"] <= spent["all_rows"] == epoch["sealed"]
    assert spent["rows_per_second_and_core"] > 0
    assert told["log"]["entries"] == told["log"]["last"] - told["log"]["first"] + 1 > 0
    assert told["plan"][0]["command"].startswith(
        f"padan-keys declare-compromised row-seal {told['key']['key_id']}"
    )
    notice = told["notice"]
    assert (notice["law"], notice["hours"]) == ("UU 27/2022 (PDP) Art. 46", 72)
    assert 0 < notice["residents"] < epoch["rows"]
    assert all(notice[name] for name in ("to", "data", "when", "how", "done", "public_notice"))


@pytest.mark.parametrize("purpose", ["replay", "budget", "tombstone"])
def test_a_drill_counts_the_logs_tables(installation: Installation, purpose: str) -> None:
    """Rows of what a key made in the log's database are counted, of this database's tables alone."""
    told = json.loads(call(installation, "compromise", purpose, "--dry-run", "--json"))
    assert told["records"]["tables"]
    assert "replay" not in told["records"]["tables"]


def test_a_drill_by_id_in_words(installation: Installation) -> None:
    """A key is named by its id too, and a person reads the same facts."""
    status = json.loads(call(installation, "status", "--json"))
    key_id = next(key["key_id"] for key in status["keys"] if key["purpose"] == "log-signing")
    words = call(installation, "compromise", str(key_id), "--dry-run")
    for part in (
        "drill: the log-signing key",
        "nothing is changed",
        "log: entries 1 to",
        "within 72 hours",
        "1 padan-keys",
    ):
        assert part in words


def test_a_drill_without_saying_so_is_refused(installation: Installation) -> None:
    """The command never declares anything: without --dry-run, and for a key that is not there, it ends in an error."""
    for words in (
        ("compromise", "index"),
        ("compromise", "biometric", "--dry-run"),
        ("compromise", "1", "--dry-run"),
    ):
        done = CliRunner().invoke(custodian.build(), ["--config", str(installation.config_path), *words])
        assert isinstance(done.exception, CommandError)


def test_a_drill_with_the_vault_away(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away is told, and the plan and the log's facts stand all the same."""
    monkeypatch.setenv("PADAN_VAULT_URL", "postgresql://nobody@127.0.0.1:1/none")
    told = json.loads(call(installation, "compromise", "index", "--dry-run", "--json"))
    assert (len(told["away"]), told["time"], told["records"]["epochs"]) == (1, None, [])
    assert told["log"]["entries"] > 0
    assert "not known: " in call(installation, "compromise", "index", "--dry-run")
