"""What stands in deploy/ for operators fits the code."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tests.house import command_lines, reference, tree
from verifier.config import Settings, load

if TYPE_CHECKING:
    import pytest

UNIT = tree.ROOT / "deploy/padan-server.service"


def _directives() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def test_the_example_configuration_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """deploy/padan.example.toml is what the code writes (`make docs`), and is a valid configuration."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PADAN_{name.upper()}", raising=False)
    example = tree.ROOT / reference.EXAMPLE
    assert example.read_text() == reference.example()
    assert load(example).environment == "production"


def test_the_unit_starts_a_command_that_exists() -> None:
    """The systemd unit calls `padan-server serve` with options that it has."""
    (start,) = _directives()["ExecStart"]
    words = shlex.split(start)
    assert words[0].endswith("/padan-server")
    assert words[-1] in command_lines.children(command_lines.command_line("padan-server"))


def test_the_unit_is_hardened() -> None:
    """The service runs without privileges, capabilities, core dumps or a place to write but its own."""
    unit = _directives()
    expected = {
        "NoNewPrivileges": "yes",
        "LimitCORE": "0",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
    }
    assert {name: unit[name] for name in expected} == {name: [value] for name, value in expected.items()}
    assert "ReadWritePaths" not in unit
