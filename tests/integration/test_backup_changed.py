"""A backup in which anything was changed, removed or added is named, and nothing of it is restored."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from tests.installation import install
from tests.operating import operate
from verifier.backup import manifest as manifests
from verifier.backup.create import create

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.installation import Installation


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that has lost its data, with a backup beside it."""
    installation = install(tmp_path_factory.mktemp("lost") / "installation")
    create(installation.settings, installation.root / "backup")
    shutil.rmtree(installation.settings.data_dir)
    return installation


def spoil_byte(folder: Path, name: str) -> None:
    """Change a byte in the middle of a file."""
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


def edit(folder: Path, **members: object) -> None:
    """Change members of the manifest."""
    path = folder / manifests.FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}, indent=1) + "\n")


@pytest.mark.parametrize(
    ("spoil", "message", "code"),
    [
        (lambda folder: spoil_byte(folder, "log/log.sqlite"), "not what was written", ExitCode.INPUT),
        (
            lambda folder: spoil_byte(folder, "vault/epoch-000001.sqlite"),
            "not what was written",
            ExitCode.INPUT,
        ),
        (lambda folder: spoil_byte(folder, "keyring/keyring.json"), "not what was written", ExitCode.INPUT),
        (
            lambda folder: (folder / "vault/epoch-000001.sqlite").unlink(),
            "missing or too much",
            ExitCode.INPUT,
        ),
        (lambda folder: (folder / "log/more").touch(), "missing or too much", ExitCode.INPUT),
        (lambda folder: (folder / "manifest.json").unlink(), "no backup", ExitCode.INPUT),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "no backup", ExitCode.INPUT),
        (lambda folder: edit(folder, format=2), "a later one made it", ExitCode.INPUT),
        (lambda folder: edit(folder, release="0"), "", 0),
        (lambda folder: edit(folder, made="now"), "damaged", ExitCode.INPUT),
        (lambda folder: edit(folder, more=1), "not what was written", ExitCode.INPUT),
        (lambda folder: edit(folder, keyring={"counter": 99, "kek": "x"}), "not the one of", ExitCode.INPUT),
        (lambda folder: (folder / "partial.lock").touch(), "half a backup", ExitCode.INPUT),
    ],
)
def test_a_backup_that_was_changed_is_refused(
    lost: Installation, tmp_path: Path, spoil: Callable[[Path], object], message: str, code: int
) -> None:
    """Verify and restore name it; a manifest that is merely of another release is none of this."""
    backup = tmp_path / "backup"
    shutil.copytree(lost.root / "backup", backup)
    spoil(backup)
    assert message in operate(lost, "backup", "verify", backup, code=code)
    if code:
        operate(lost, "backup", "restore", backup, code=code)
        assert not lost.settings.data_dir.exists()
