"""Vector files are what their generators write."""

from __future__ import annotations

import runpy

from tests.unit.keys.conftest import VECTORS


def test_keys_json_is_what_its_generator_writes() -> None:
    """Golden vectors never change without their generator."""
    generated = runpy.run_path(str(VECTORS / "keys_generate.py"))["build"]()
    assert (VECTORS / "keys.json").read_text() == generated


def test_the_golden_keyring_is_what_its_generator_writes() -> None:
    """The golden files never change without their generator."""
    generated = runpy.run_path(str(VECTORS / "keyring_generate.py"))["build"]()
    assert {path.name: path.read_bytes() for path in (VECTORS / "keyring").iterdir()} == generated
