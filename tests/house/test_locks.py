"""What gets installed is pinned by hash and names no index."""

from __future__ import annotations

import re
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
    asked = {line.split(">")[0].split("=")[0] for line in text.splitlines() if re.match(r"[a-z]", line)}
    assert asked <= pins


def test_one_package_has_one_version_everywhere() -> None:
    """No two locks pin a package to different versions, since one environment takes them all."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for package, version in _pins(lock).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}
