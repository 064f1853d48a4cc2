"""Builds the two wheels from copies, so that nothing is written into the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.house import tree

if TYPE_CHECKING:
    import pathlib

_CLIENT = [f"proto/python/{name}" for name in ("padan", "pyproject.toml", "README.md", "LICENSE")]
_SERVER = ["deploy", "docs", "keys", "tokenizer", "verifier", "pyproject.toml", "README.md", "LICENSE"]


def client(folder: pathlib.Path) -> pathlib.Path:
    """Build the wheel of agencies and auditors below an empty folder."""
    return _build(_copy(folder / "source", _CLIENT), folder / "dist")


def server(folder: pathlib.Path) -> pathlib.Path:
    """Build the wheel of the service below an empty folder."""
    return _build(_copy(folder / "source", _SERVER), folder / "dist")


def _copy(target: pathlib.Path, names: list[str]) -> pathlib.Path:
    """Copy what a build reads."""
    target.mkdir()
    for name in names:
        path = tree.ROOT / name
        if path.is_dir():
            shutil.copytree(path, target / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)
    return target


def _build(source: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (wheel,) = target.glob("*.whl")
    return wheel
