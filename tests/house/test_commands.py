"""Every command says what it and each of its options do, and gives its data to programs too."""

from __future__ import annotations

import re

import pytest

from padan.cli.console import ExitCode
from tests.house import command_lines, tree

_CONFIRMS = "confirms what it did; `list`, `show` or `history` has the data"
_CERTIFICATE = "writes a certificate, which is the data; `list` or `show` has what it says"

NO_DATA: dict[str, str] = {
    "padan-keys export-public": "prints one JSON document (a JWK Set) in any case",
    "padan-keys export-secret": "writes a key to a file and prints none of it",
    "padan-server agency enrol": _CERTIFICATE,
    "padan-server agency renew": _CERTIFICATE,
    "padan-server agency restore": _CONFIRMS,
    "padan-server agency revoke": _CONFIRMS,
    "padan-server agent": "runs until it is told to stop; it speaks by its log",
    "padan-server agreement activate": _CONFIRMS,
    "padan-server agreement sign": _CONFIRMS,
    "padan-server agreement suspend": _CONFIRMS,
    "padan-server agreement template": "prints an example document, in TOML as agreements are",
    "padan-server auditor activate": _CONFIRMS,
    "padan-server auditor sign": _CONFIRMS,
    "padan-audit witness run": "runs until it is told to stop; it speaks by its messages and its metrics",
    "padan-audit witness unit": "prints a unit as systemd reads it",
    "padan-server auditor suspend": _CONFIRMS,
    "padan-server auditor template": "prints an example document, in TOML as grants are",
    "padan-server ca init": _CERTIFICATE,
    "padan-server ca issue-server": _CERTIFICATE,
    "padan-server serve": "runs until it is told to stop; it speaks by its log",
}
"""Commands that print no data, with the reason."""


@pytest.mark.parametrize("program", command_lines.MODULES)
def test_every_option_has_help(program: str) -> None:
    """Each command, option and argument of the four command lines has a text of help."""
    silent = []
    for path, command in command_lines.leaves(program):
        if not command.help:
            silent.append(" ".join(path))
        silent += [
            " ".join((*path, parameter.name or ""))
            for parameter in command.params
            if not getattr(parameter, "help", None) and not getattr(parameter, "hidden", False)
        ]
    assert silent == []


@pytest.mark.parametrize("program", command_lines.MODULES)
def test_data_comes_as_json_too(program: str) -> None:
    """Each command that prints data has --json."""
    without = [
        " ".join(path)
        for path, command in command_lines.leaves(program)
        if not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert [path for path in without if path not in NO_DATA] == []


def test_exit_codes_are_documented() -> None:
    """The table of exit codes in docs/commands.md is the one in the code."""
    text = (tree.ROOT / "docs/commands.md").read_text()
    table = re.findall(r"^\| (\d+) \| `([A-Z]+)` \|", text, re.MULTILINE)
    assert {(int(number), name) for number, name in table} == {(int(code), code.name) for code in ExitCode}


def test_every_command_line_is_installed() -> None:
    """Each program is an entry point of one of the two packages."""
    scripts = "".join(
        (tree.ROOT / path).read_text() for path in ("pyproject.toml", "proto/python/pyproject.toml")
    )
    assert all(re.search(rf"^{program} = ", scripts, re.MULTILINE) for program in command_lines.MODULES)
