"""The check of the contract passes on what is there, and fails on a break of the wire, of the style, or stale code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house import tree

if TYPE_CHECKING:
    import pathlib

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false")


@pytest.fixture
def clone(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a repository of two commits that holds the contract."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(tree.ROOT / "proto", tmp_path / "proto", ignore=ignored)
    for command in (
        ("init", "--quiet"),
        ("add", "."),
        ("commit", "--quiet", "-m", "one"),
        ("commit", "--quiet", "--allow-empty", "-m", "two"),
    ):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


def _check(clone: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "proto/check"],
        env=os.environ | {"BIN": f"{sys.prefix}/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _edit(path: pathlib.Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_contract_passes(clone: pathlib.Path) -> None:
    """What is committed is in style, compatible and generated."""
    done = _check(clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "buf breaking against HEAD^" in done.stdout


def test_a_field_keeps_its_number(clone: pathlib.Path) -> None:
    """A field that moves to another number breaks the wire, and is refused."""
    _edit(clone / "proto/padan/v1/verification.proto", "string request_id = 1;", "string request_id = 99;")
    done = _check(clone)
    assert done.returncode != 0
    assert "against HEAD\n" in done.stdout
    assert "request_id" in done.stdout + done.stderr


def test_a_field_has_a_comment(clone: pathlib.Path) -> None:
    """A field without a comment is refused."""
    _edit(
        clone / "proto/padan/v1/error.proto",
        "enum ErrorReason {",
        "message Bare {\n  string word = 1;\n}\n\nenum ErrorReason {",
    )
    assert "comment" in _check(clone).stdout


def test_generated_code_is_current(clone: pathlib.Path) -> None:
    """Generated code that the contract does not generate is refused."""
    path = clone / "proto/python/padan/v1/error_pb2.py"
    path.write_text(path.read_text() + "\n")
    done = _check(clone)
    assert done.returncode != 0
    assert "make proto" in done.stderr
