"""Where a restore puts what it restores: what an old database left there is seen, and a cut-off restore is repeated."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from keys.ringfile import sync_folder
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.integration.test_backup import Site, site, small
from tests.operating import details, operate
from verifier.backup import restore
from verifier.backup.create import create

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["site", "small"]  # fixtures


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "names",
    [["log.sqlite-wal"], ["log.sqlite-shm"], ["log.sqlite-journal"], ["log.sqlite-shm", "log.sqlite-wal"]],
)
def test_what_an_old_log_left_is_in_the_way(small: Site, names: list[str]) -> None:
    """A file that belonged to a log which is gone makes a restore refuse by its name, and nothing changes."""
    installation, places = small.installation, small.installation.settings.data_dir
    create(installation.settings, small.backup)
    small.lose()
    places.mkdir()
    for name in names:
        (places / name).write_bytes(b"of the old log")
    before = contents(installation.root)
    told = operate(installation, "backup", "restore", small.backup, code=ExitCode.STATE)
    assert "there is a log already" in told
    for name in names:
        assert str(places / name) in told
    assert contents(installation.root) == before
    for name in names:
        (places / name).unlink()
    operate(installation, "backup", "restore", small.backup)


def test_everything_in_the_way_is_named_at_once(small: Site) -> None:
    """One refusal names the log, what belongs to it, and the vault, so that one move clears the places."""
    installation, places = small.installation, small.installation.settings.data_dir
    create(installation.settings, small.backup)
    (places / "log.sqlite-wal").touch()
    told = operate(installation, "backup", "restore", small.backup, code=ExitCode.STATE)
    for name in ("log.sqlite", "log.sqlite-wal", "vault"):
        assert f"{places / name}{':' if name == 'vault' else ''}" in told


def test_a_journal_alone_is_a_vault(small: Site) -> None:
    """What a catalogue left in the vault's folder is in the way too, as SQLite would play it back."""
    installation, settings = small.installation, small.installation.settings
    create(settings, small.backup)
    small.lose()
    journal = settings.data_dir / "vault" / "catalogue.sqlite-journal"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"of the old catalogue")
    told = operate(installation, "backup", "restore", small.backup, code=ExitCode.STATE)
    assert f"{journal.parent}: there is a vault already" in told
    assert contents(settings.data_dir) == {"vault/catalogue.sqlite-journal": b"of the old catalogue"}


def cut_off(site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception) -> str:
    """Restore, with an error where the log would get its place; give what the command says."""
    stage = restore._stage_log

    def refuse() -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(restore, "_stage_log", lambda *given: (stage(*given)[0], refuse))
        return operate(site.installation, "backup", "restore", site.backup, code=ExitCode.UNAVAILABLE)


def test_a_restore_goes_on_where_it_was_cut_off(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the vault has its place and the log has not, the error says so, and the same command succeeds."""
    installation, settings = small.installation, small.installation.settings
    create(settings, small.backup)
    small.lose()
    settings.keyring.unlink()
    told = cut_off(small, monkeypatch, OSError(errno.ENOSPC, "full"))
    assert "No space left on device; keyring and vault are in their places; the log is not" in told
    vault = contents(settings.data_dir / "vault")
    assert sorted(path.name for path in settings.data_dir.iterdir()) == ["vault"]
    operate(installation, "backup", "restore", small.backup)
    assert contents(settings.data_dir / "vault") == vault
    assert sorted(path.name for path in settings.data_dir.iterdir()) == ["log.sqlite", "vault"]
    assert len(details(installation, EntryKind.RESTORED)) == 1


def test_a_restore_that_is_killed_between_its_places_is_repeated(small: Site) -> None:
    """Killed with the vault in its place, the same command succeeds."""
    installation, settings = small.installation, small.installation.settings
    create(settings, small.backup)
    small.lose()
    program = (
        "import os, signal; from verifier.backup import places; put = places.put;"
        "places.put = lambda staged, place: put(staged, place) if place.name == 'vault' else"
        " os.kill(os.getpid(), signal.SIGKILL);"
        "from verifier.cli.server import main; main()"
    )
    command = [sys.executable, "-c", program, "--config", str(installation.config_path)]
    subprocess.run([*command, "backup", "restore", str(small.backup)], check=False)
    left = ["log.sqlite.restoring", "vault"]
    assert sorted(path.name for path in settings.data_dir.iterdir() if "-" not in path.name) == left
    operate(installation, "backup", "restore", small.backup)
    assert sorted(path.name for path in settings.data_dir.iterdir()) == ["log.sqlite", "vault"]


def test_another_vault_is_in_the_way(small: Site) -> None:
    """A vault that differs from the backup's by a file, a byte, or what its catalogue says, is not written over."""
    installation, settings = small.installation, small.installation.settings
    create(settings, small.backup)
    (settings.data_dir / "log.sqlite").unlink()
    vault = settings.data_dir / "vault"
    whole = vault.with_name("whole")
    shutil.copytree(vault, whole)
    (rows,) = vault.glob("epoch-*.sqlite")

    def change_catalogue() -> None:
        with closing(sqlite3.connect(vault / "catalogue.sqlite")) as catalogue, catalogue:
            catalogue.execute("UPDATE epoch SET state = 'retired'")

    changes: tuple[Callable[[], object], ...] = (
        (vault / "catalogue.sqlite-journal").touch,
        lambda: rows.write_bytes(rows.read_bytes()[:-1] + b"x"),
        rows.unlink,
        lambda: (vault / "catalogue.sqlite").write_bytes(b"no database"),
        change_catalogue,
    )
    for change in changes:
        change()
        before = contents(settings.data_dir)
        told = operate(installation, "backup", "restore", small.backup, code=ExitCode.STATE)
        assert f"{vault}: there is a vault already" in told
        assert contents(settings.data_dir) == before
        shutil.rmtree(vault)
        shutil.copytree(whole, vault)
    operate(installation, "backup", "restore", small.backup)


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_the_database_to_empty_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL the vault is committed and the log perhaps: the error names what to drop, and then all is well."""
    installation = site.installation
    create(installation.settings, site.backup)
    site.lose()
    told = cut_off(site, monkeypatch, psycopg.OperationalError("gone"))
    name = conninfo_to_dict(site.url)["dbname"]
    assert "keyring and vault are in their places; whether the log is in its place is not known" in told
    assert f"drop the database {name} and make it again, empty, before the same command is repeated" in told
    again = operate(installation, "backup", "restore", site.backup, code=ExitCode.STATE)
    assert f"the vault database {name} is not empty" in again
    site.lose()
    operate(installation, "backup", "restore", site.backup)


def test_a_log_that_is_perhaps_not_durable_is_named(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log has its name, and the disk would not keep it, the error says so, and what is to go."""
    installation, log = small.installation, small.installation.settings.data_dir / "log.sqlite"
    create(installation.settings, small.backup)
    small.lose()

    def refuse(folder: Path) -> None:
        if log.exists():
            raise OSError(errno.EIO, "broken")
        sync_folder(folder)

    with monkeypatch.context() as patched:
        patched.setattr("verifier.backup.places.sync_folder", refuse)
        told = operate(installation, "backup", "restore", small.backup, code=ExitCode.UNAVAILABLE)
    assert f"keyring, vault and log are in their places; move {log} away before" in told
    log.unlink()
    operate(installation, "backup", "restore", small.backup)
