"""Tokens of SoftHSM2, each in a folder of its own, which the variable SOFTHSM2_CONF names to the module."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL, OBJECT = "padan", "padan-kek"
PIN, OFFICER_PIN = "tujuh-belas-perahu", "pin-petugas-token"
URI = f"pkcs11:token={LABEL};object={OBJECT}?module-path={MODULE}&pin-source=pin&kek-file=kek.json"


def make(folder: Path, *, label: str = LABEL) -> Path:
    """Make a token; give the configuration that leads to it, and to others of the same folder."""
    configuration = folder / "softhsm2.conf"
    (folder / "tokens").mkdir(exist_ok=True)
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", OFFICER_PIN, "--pin", PIN],
        env={"SOFTHSM2_CONF": str(configuration), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        timeout=30,
    )
    return configuration
