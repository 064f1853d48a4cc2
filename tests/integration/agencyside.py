"""An agency's own side: its configuration file, and `padan` as a process that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service import RunningService


def configure(service: RunningService, agency: str, folder: Path) -> Path:
    """Write an agency's configuration file."""
    identity = service.installation.identities[agency]
    values = {
        "address": f"localhost:{service.installation.port}",
        "audit_address": f"localhost:{service.installation.audit_port}",
        "ca": str(service.installation.ca),
        "cert": str(identity.certificate),
        "key": str(identity.key),
        "purpose": "service",
        "officer": "desk-7",
        "legal_basis": "public_task",
    }
    path = folder / "client.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


def start(arguments: list[str], err: Path) -> subprocess.Popen[bytes]:
    """Start the command as a process of its own."""
    code = "from padan.cli import main; main()"
    with err.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=sink, stderr=sink, env=os.environ
        )


def grown(path: Path, size: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until a file is larger; return its size."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the command ended too early"
        now = path.stat().st_size if path.exists() else 0
        if now > size:
            return now
        time.sleep(0.01)
    raise TimeoutError("nothing was kept")
