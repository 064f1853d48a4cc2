"""Where a restore puts what it restores: what an old database left there is seen, and a cut-off restore is repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from tests.integration.test_backup import Site, small
from tests.operating import operate
from verifier.backup.create import create

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["small"]


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
