"""What a backup takes along as files, and what it says where one of them cannot be read."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

from padan.cli.console import ExitCode
from tests.installation import Installation, install
from tests.operating import operate
from verifier.backup.create import _PUBLIC_FILES, create
from verifier.config import Settings

ELSEWHERE = {"data_dir", "head_store", "log_mirror", "tree_dir", "keyring", "ca_dir", "tls_key"}
"""Settings whose files are parts of a backup by themselves, are built anew, are on a disk of their own, or secret."""


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    """An installation that names every file that it can."""
    installation = install(
        tmp_path / "installation",
        extra='witness_policy = "log.policy"\nbiometric_thresholds = "thresholds.json"\n',
    )
    for name in ("log.policy", "thresholds.json"):
        (installation.root / name).write_text(f"the contents of {name}")
    return installation


def test_the_public_files_of_a_configuration_are_there(made: Installation, tmp_path: Path) -> None:
    """Each file that the restored configuration names, and that is no secret, lies there under its setting's name."""
    create(made.settings, tmp_path / "backup")
    saved = {path.stem: path for path in (tmp_path / "backup/public").iterdir() if path.name != "padan.toml"}
    assert saved.keys() == set(_PUBLIC_FILES)
    for name, path in saved.items():
        original: Path = getattr(made.settings, name)
        assert (path.read_bytes(), path.suffix) == (original.read_bytes(), original.suffix), name


def test_no_setting_with_a_file_is_forgotten() -> None:
    """A new setting that names a file is put into backups, or there is a reason why not."""
    named = {
        name
        for name, field in Settings.model_fields.items()
        if Path in {field.annotation, *typing.get_args(field.annotation)}
    }
    assert named == {*_PUBLIC_FILES} | ELSEWHERE


@pytest.mark.parametrize("name", ["keyring.json", "keyring.events.jsonl"])
def test_a_source_that_is_missing_is_not_the_disks_fault(
    made: Installation, tmp_path: Path, name: str
) -> None:
    """What cannot be read is named, with what to do, and there is no backup; the disk that it goes to is well."""
    (made.root / name).unlink()
    told = operate(made, "backup", "create", tmp_path / "backup", code=ExitCode.INPUT)
    assert f"{name}: cannot be read (No such file or directory)" in told
    assert "put the file back" in told
    assert list(tmp_path.glob("backup*")) == []
