"""What gets installed is pinned by hash and names no index."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.house import tree

LOCKS = ("build", "lock", "server", "dev", "bench")


def _pins(name: str) -> dict[str, str]:
    text = (tree.ROOT / f"requirements/{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes(name: str) -> None:
    """Each line of a lock is a comment, a hash, or an exact version that hashes follow."""
    text = (tree.ROOT / f"requirements/{name}.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert [
        line for line in lines if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize("project", ["pyproject.toml", "proto/python/pyproject.toml"])
def test_the_lock_keeps_what_the_packages_ask_for(project: str) -> None:
    """Each requirement of the two packages, extras included, is pinned to a version that it allows."""
    table = tomllib.loads((tree.ROOT / project).read_text())["project"]
    asked = [
        *table["dependencies"],
        *(line for extra in table.get("optional-dependencies", {}).values() for line in extra),
    ]
    pins = _pins("server")
    for requirement in map(Requirement, asked):
        if requirement.name != "padan":
            assert SpecifierSet(str(requirement.specifier)).contains(pins[requirement.name]), requirement.name


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_asked_for_is_pinned(name: str) -> None:
    """Each name in requirements/*.in stands in its lock or in one that it builds on."""
    text = (tree.ROOT / f"requirements/{name}.in").read_text()
    below = [name, *re.findall(r"^-c (\w+)\.txt$", text, re.MULTILINE)]
    pins = {pin for lock in below for pin in _pins(lock)}
    asked = {re.split(r"[<>=\[]", line)[0] for line in text.splitlines() if re.match(r"[a-z]", line)}
    assert asked <= pins


def test_one_package_has_one_version_everywhere() -> None:
    """No two locks pin a package to different versions, since one environment takes them all."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for package, version in _pins(lock).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def _imports(*folders: str) -> dict[str, str]:
    """Name the top-level modules of others that our modules import, each with one of the files."""
    found: dict[str, str] = {}
    for path in tree.modules(*folders):
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                names = []
            found |= {name.partition(".")[0]: tree.name(path) for name in names}
    ours = {"bench", "deploy", "keys", "padan", "tests", "tokenizer", "verifier", "", "_typeshed"}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names | ours}


@pytest.mark.parametrize(
    ("folders", "locks"),
    [(tree.SHIPPED, ("server",)), (("tests",), ("server", "build", "dev")), (("bench", "deploy"), LOCKS)],
    ids=["shipped", "tests", "bench"],
)
def test_what_is_imported_is_pinned(folders: tuple[str, ...], locks: tuple[str, ...]) -> None:
    """Each library that our code imports is in the lock of those who run it, so that a new machine has it."""
    pins = {package for lock in locks for package in _pins(lock)}
    providers = importlib.metadata.packages_distributions()
    missing = {
        f"{name} in {file}"
        for name, file in _imports(*folders).items()
        if not pins & {re.sub(r"[-_.]+", "-", provider).lower() for provider in providers.get(name, (name,))}
    }
    assert missing == set()
