"""`make` says what it can do, and does what it says."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tests.house import makefile, tree

if TYPE_CHECKING:
    import pathlib


def _make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", *arguments], cwd=tree.ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_help_lists_every_target() -> None:
    """`make` alone prints each target with what it does."""
    listed = dict(re.findall(r"^  ([a-z-]+) +(.+)$", _make(), re.MULTILINE))
    assert listed == makefile.targets()


def test_every_phony_target_has_help() -> None:
    """Each target that is no file has a line of help."""
    parts = [tree.ROOT / "Makefile", *(tree.ROOT / "makefiles").glob("*.mk")]
    phony = {
        name
        for part in parts
        for line in re.findall(r"^\.PHONY: (.+)$", part.read_text(), re.MULTILINE)
        for name in line.split()
    }
    assert phony == makefile.targets().keys()


def test_every_target_can_be_planned() -> None:
    """`make -n` plans each target, so that no target leans on a file or a rule that is not there."""
    for name in makefile.targets():
        _make("-n", "-o", "setup", name)


NEED_NOTHING = {"clean", "fresh", "help"}
"""Targets that run without the virtual environment."""


def test_every_target_sets_itself_up(tmp_path: pathlib.Path) -> None:
    """On a machine with nothing on it, each target that needs the virtual environment begins by making it."""
    for name in makefile.targets().keys() - NEED_NOTHING:
        assert f"-m venv {tmp_path}/venv" in _make("-n", f"VENV={tmp_path}/venv", name), name


def test_continuous_integration_runs_the_same_target() -> None:
    """.ci/run calls `make test` and no other tool."""
    lines = (tree.ROOT / ".ci/run").read_text().splitlines()
    assert "make test" in lines
    assert not [line for line in lines if re.match(r"\s*(pytest|python3? -m|ruff|mypy|\.venv)", line)]
