"""The files that the house's rules are about."""

from __future__ import annotations

import ast
import functools
import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]

SHIPPED = ("proto/python/padan", "keys", "tokenizer", "verifier")
"""What the two wheels hold."""

_LEFT_OUT = frozenset(
    {
        ".git",
        ".venv",
        "__pycache__",
        "node_modules",
        "var",
        "build",
        "dist",
        ".hypothesis",
        ".import_linter_cache",
    }
    | {".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


def files(*folders: str, suffix: str = "") -> Iterator[pathlib.Path]:
    """Yield the files under folders of the repository (all of it where none is named), without what is built."""
    for folder in folders or (".",):
        yield from _walk(ROOT / folder, suffix)


def _walk(folder: pathlib.Path, suffix: str) -> Iterator[pathlib.Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if (
                path.name not in _LEFT_OUT
                and not path.name.startswith(".venv-")
                and not path.name.endswith(".egg-info")
            ):
                yield from _walk(path, suffix)
        elif path.name.endswith(suffix):
            yield path


def modules(*folders: str) -> Iterator[pathlib.Path]:
    """Yield our own Python modules: not the generated ones, not the migrations."""
    for path in files(*folders, suffix=".py"):
        if not path.name.endswith(("_pb2.py", "_pb2_grpc.py")) and "versions" not in path.parts:
            yield path


@functools.cache
def parsed(path: pathlib.Path) -> ast.Module:
    """Parse a module, once for all tests."""
    return ast.parse(path.read_text())


def name(path: pathlib.Path) -> str:
    """Spell a path as the repository does."""
    return path.relative_to(ROOT).as_posix()
