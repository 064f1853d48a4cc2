"""`padan-keys status` and `compromise` beside a real vault and a real log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from typer.testing import CliRunner

from padan.cli.console import ExitCode
from tests.installation import install
from verifier.cli import custodian
from verifier.cli.custody_choice import CHOICE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with people, an agency and its entries in the log."""
    return install(tmp_path_factory.mktemp("inventory"))


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
