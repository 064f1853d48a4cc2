"""The unit of the nightly backup: what it starts makes a backup and checks it, and fails where either fails."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from tests.house import tree
from tests.installation import install
from tests.integration.loading import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation

UNIT = tree.ROOT / "deploy/systemd/padan-backup.service"
PROGRAM = "/opt/padan/venv/bin/padan-server"
RUNS = 'exec "$python" -c "$main" "$@"\n'
DAMAGES = 'case "$*" in *verify*) for log in "$5"/log/*; do printf x >>"$log"; done;; esac\n'
"""A disk that does not keep what was written."""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation with a folder for its backups."""
    (tmp_path / "backups").mkdir()
    return install(tmp_path / "installation", people=[])


def start(made: Installation, before: str = "") -> tuple[int, list[str], str]:
    """Run what the unit starts, as systemd reads it; give its exit code, the backups there are, and what it says.

    Args:
        made: whose configuration the unit reads.
        before: shell that runs before each call of the program, with its arguments.
    """
    (line,) = re.findall(r"^ExecStart=/bin/sh -c '(.+)'$", UNIT.read_text(), re.MULTILINE)
    folder = made.root.parent
    program = folder / "padan-server"
    program.write_text(f"#!/bin/sh\n{before}{RUNS}")
    program.chmod(0o700)
    for there, here in (
        ("%%", "%"),
        ("$$", "$"),
        (PROGRAM, str(program)),
        ("/etc/padan/padan.toml", str(made.config_path)),
        ("/var/backups/padan", str(folder / "backups")),
    ):
        line = line.replace(there, here)
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        env={"PATH": "/usr/bin:/bin", "python": sys.executable, "main": COMMAND[-1], "LANG": "C.UTF-8"},
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, [path.name for path in (folder / "backups").iterdir()], done.stdout + done.stderr


def test_the_unit_makes_a_backup_and_checks_it(installation: Installation) -> None:
    """One folder, named by the time in UTC, that was written and then read again whole."""
    code, names, told = start(installation)
    assert code == 0, told
    (name,) = names
    assert re.fullmatch(r"20\d{6}T\d{6}Z", name)
    assert len(re.findall(rf"^\S+/{name}: \d+ files, [\d,]+ bytes, whole$", told, re.MULTILINE)) == 2


def test_a_backup_that_is_not_right_fails_the_unit(installation: Installation) -> None:
    """Where what was written reads otherwise, the unit fails, and so shows in systemctl --failed."""
    code, names, told = start(installation, DAMAGES)
    assert (code, len(names)) == (ExitCode.INPUT, 1), told
    assert "error: " in told
