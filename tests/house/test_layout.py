"""The shape of the house: where code stands, how long it is, and what no file may say."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.house import tree

if TYPE_CHECKING:
    import pathlib

MODULE_LINES = 400
FUNCTION_LINES = 60

LONGER: dict[str, str] = {}
"""`path` or `path:function` that may be longer, with the reason."""

_CODE = ("proto/python/padan", "keys", "tokenizer", "verifier", "bench", "deploy", "tests")


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    """Find a function's first statement; a signature and a docstring may take the lines they need."""
    documented = ast.get_docstring(node) is not None and len(node.body) > 1
    return node.body[1 if documented else 0]


def _functions(path: pathlib.Path) -> list[tuple[str, int]]:
    return [
        (f"{tree.name(path)}:{node.name}", (node.end_lineno or 0) - _first(node).lineno + 1)
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_modules_and_functions_stay_short() -> None:
    """No module is over 400 lines and no function's body over 60, but for listed ones with a reason."""
    long: dict[str, int] = {}
    for path in tree.modules(*_CODE):
        text = path.read_text()
        sizes = [(tree.name(path), text.count("\n"))]
        long |= {what: lines for what, lines in sizes if lines > MODULE_LINES}
        long |= {what: lines for what, lines in _functions(path) if lines > FUNCTION_LINES}
    assert long.keys() - LONGER.keys() == set(), long
    assert LONGER.keys() <= long.keys(), "an exception that is not needed any more"


def test_proto_is_no_package() -> None:
    """`proto` is also the import name of another library, so that the folder never becomes a package."""
    assert not (tree.ROOT / "proto/__init__.py").exists()
    assert not (tree.ROOT / "proto/python/__init__.py").exists()


def test_every_module_says_what_it_is() -> None:
    """Every module has a docstring."""
    silent = [
        tree.name(path)
        for path in tree.modules(*_CODE)
        if path.read_text().strip() and not ast.get_docstring(tree.parsed(path))
    ]
    assert silent == []


def test_every_test_says_what_it_shows() -> None:
    """Every test function's docstring is one sentence or more of behaviour."""
    silent = [
        f"{tree.name(path)}:{node.name}"
        for path in tree.modules("tests")
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


# Spelled in pieces, so that this file is not what it looks for.
_FORBIDDEN = {
    "a path of one workplace": re.compile(r"(^|[^a-z.])/(?:" + "wo" + r"rk|fa" + r"rm)/"),
    "a folder beside the repository": re.compile(r"\.\./" + r"shared\b"),
    "an address of a package index": re.compile(
        r"https?://[^\s)]*(?:/simple/|pypi\.org/simple|registry\.npmjs)"
    ),
    "how the work was organised": re.compile(r"\b(?:CE" + r"O|issue #?\d+|sub-?agent)\b"),
    "work left undone": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b"),
}


@pytest.mark.parametrize("what", _FORBIDDEN)
def test_no_file_says(what: str) -> None:
    """No file names a machine, an index or the way the work was organised, and none leaves work undone."""
    pattern = _FORBIDDEN[what]
    found = []
    for path in tree.files():
        if path.name == "package-lock.json" or path.suffix in {".gz", ".parquet", ".png", ".sqlite"}:
            continue
        text = path.read_bytes().decode(errors="replace")
        found += [
            f"{tree.name(path)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    assert found == []


def test_no_test_mocks_our_code_or_leaves_itself_out() -> None:
    """No test mocks with the standard library, leaves itself out or expects to fail."""
    pattern = re.compile(
        r"unittest" + r"\.mock|Magic" + r"Mock|mark\.(?:skip|xfail)|pytest\." + r"skip\(|import" + r"orskip"
    )
    found = [tree.name(path) for path in tree.modules("tests") if pattern.search(path.read_text())]
    assert found == []


def test_both_packages_have_one_version() -> None:
    """padan-server, padan and the dependency between them name the same version."""
    server = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["project"]
    client = tomllib.loads((tree.ROOT / "proto/python/pyproject.toml").read_text())["project"]
    assert server["version"] == client["version"]
    assert any(re.fullmatch(rf"padan\[.*\]=={server['version']}", line) for line in server["dependencies"])
