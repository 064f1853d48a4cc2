"""The one way by which a key leaves as bytes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from keys.export import export_raw
from keys.purpose import Purpose

if TYPE_CHECKING:
    from keys.custody import Custody

ROOT = Path(__file__).parents[3]
ALLOWED = {Path("verifier/cli/keys_export.py")}


def imported(path: Path) -> set[str]:
    """List the modules that a file imports, and the names that it imports from them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_only_the_custodians_command_imports_the_export() -> None:
    """No service, tool or test of another area can take keys out as bytes."""
    folders = ("keys", "tokenizer", "verifier", "proto/python/padan")
    importers = {
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "keys.export" in imported(path)
    }
    assert importers == ALLOWED


def test_the_exported_key_is_the_key(custody: Custody) -> None:
    """What leaves is what the keyring wraps."""
    key_id = custody.read().primary(Purpose.INDEX).key_id
    ring, kek = custody.export(Purpose.INDEX, key_id, recipient="test")
    material = kek.unwrap(
        ring.key(Purpose.INDEX, key_id).wrapped, realm=ring.realm, purpose="index", key_id=key_id
    )
    assert export_raw(ring, kek, Purpose.INDEX, key_id) == bytes(material.view())
