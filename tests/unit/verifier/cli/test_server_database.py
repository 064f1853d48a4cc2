"""`padan-server database` shows and upgrades both schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from verifier import migrations
from verifier.cli.failure import translate
from verifier.cli.server import build
from verifier.database import Address, make_engine
from verifier.migrations import DatabaseVersionError

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a configuration."""
    path = tmp_path / "padan.toml"
    path.write_text('registry_id = "registry"\nenvironment = "development"\ntrust_domain = "padan.example"\n')
    return path


def run(config: Path, *words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(build(), ["--config", str(config), "database", *words])


def test_an_upgrade_makes_both_databases(config: Path) -> None:
    """Before it the versions are none and the exit code says so; afterwards they are the newest."""
    before = run(config, "current")
    assert isinstance(before.exception, CommandError)
    assert before.exception.code is ExitCode.STATE
    assert "version none" in before.stdout
    upgraded = run(config, "upgrade")
    assert upgraded.exit_code == 0
    assert json.loads(run(config, "current", "--json").stdout) == {
        "log": {"current": "0016", "newest": "0016"},
        "vault": {"current": "0008", "newest": "0008"},
    }
    assert (config.parent / "data" / "vault" / "catalogue.sqlite").exists()


def test_a_later_version_is_refused_with_the_next_step(config: Path) -> None:
    """A database of a later release is named, and the operator told which release to take."""
    run(config, "upgrade")
    engine = make_engine(Address(path=config.parent / "data" / "log.sqlite"))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version_log SET version_num = '9999'")
        connection.exec_driver_sql("UPDATE log_reader SET version = '9998'")
    engine.dispose()
    refused = run(config, "upgrade")
    assert isinstance(refused.exception, DatabaseVersionError)
    told = translate(refused.exception)
    assert told is not None
    assert "install the release that wrote it" in told.cause
    assert migrations.current(str(config.parent / "data" / "vault"), migrations.Tree.VAULT).is_current


def test_files_have_no_roles(config: Path) -> None:
    """On SQLite nothing is granted: the projector is the service's user there, and the command says how."""
    run(config, "upgrade")
    refused = run(config, "grant", "--to", "padan-projector")
    assert isinstance(refused.exception, Exception)
    told = translate(refused.exception)
    assert told is not None
    assert told.code is ExitCode.INPUT
    assert "one-user.conf" in told.next_step
