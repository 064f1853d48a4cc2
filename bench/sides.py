"""The servers that are compared, each started as a process of its own on the server's core."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pki import Files
from tests import service
from tests.installation import Installation, free_ports
from tests.installation import install as install_service
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.peer.database import Database

ROOT = Path(__file__).parents[1]
AGENCY = "bench"
PADAN_SERVER = (sys.executable, "-m", "verifier.cli.server")
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = _CORES[0], _CORES[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A running server."""

    port: int
    pids: list[int]  # descendants are found


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Put a command on one core."""
    return ["taskset", "-c", str(core), *command]


def pin(pid: int, core: int) -> None:
    """Put a running process's main thread on one core; what it forks later inherits that."""
    os.sched_setaffinity(pid, {core})


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"no server on port {port} (exit {process.poll()})")


@contextlib.contextmanager
def _process(
    command: Sequence[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        pinned(SERVER_CORE, command),
        cwd=ROOT,
        env=os.environ | (environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_port(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tls(files: Files) -> list[str]:
    return ["--ca", str(files.ca), "--certificate", str(files.certificate), "--key", str(files.key)]


@contextlib.contextmanager
def echo(files: Files, *, threads: int, answer_bytes: int) -> Iterator[Side]:
    """Run the bare echo."""
    (port,) = free_ports(1)
    shape = ["--port", str(port), "--threads", str(threads), "--answer-bytes", str(answer_bytes)]
    with _process([sys.executable, "-m", "bench.echo", *_tls(files), *shape], port) as process:
        yield Side(port=port, pids=[process.pid])


@contextlib.contextmanager
def peer(files: Files, database: Database) -> Iterator[Side]:
    """Run the peer's application; its database counts as part of it."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench.peer.app", *_tls(files), "--port", str(port)]
    with _process(command, port, {"BENCH_PEER_DATABASE": database.url}) as process:
        yield Side(port=port, pids=[process.pid, database.pid])


@contextlib.contextmanager
def padan(installation: Installation) -> Iterator[Side]:
    """Run Padan."""
    command = [
        *PADAN_SERVER,
        *("--config", str(installation.config_path), "serve"),
    ]
    with _process(command, installation.port) as process:
        service.wait_until_ready(installation, process, 60)
        yield Side(port=installation.port, pids=[process.pid])


def install(root: Path, source: Path, *, extra: str = "", url: str = "") -> Installation:
    """Make an installation and load a population into it with the operator's command."""
    installation = install_service(
        root, agencies={AGENCY: Terms()}, people=(), extra=extra, log_url=url, vault_url=url
    )
    subprocess.run(
        [
            *(*PADAN_SERVER, "--config", str(installation.config_path)),
            *("registry", "load", str(source), "--activate", "--json"),
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return installation


def variant(installation: Installation, name: str, extra: str) -> Installation:
    """Make a second configuration over the same people and keys, with ports, a log and a head of its own."""
    old = (installation.port, installation.audit_port, installation.metrics_port)
    ports = [port for port in free_ports(6) if port not in old][:3]
    log = installation.root / f"log-{name}.sqlite"
    with (
        contextlib.closing(sqlite3.connect(installation.settings.log_database)) as origin,
        contextlib.closing(sqlite3.connect(log)) as copy,
    ):
        origin.backup(copy)
    text = installation.config_path.read_text()
    for before, after in zip(old, ports, strict=True):
        text = text.replace(f":{before}", f":{after}")
    path = installation.root / f"padan-{name}.toml"
    path.write_text(f'{text}\nlog_url = "{log.name}"\nhead_store = "head-{name}.json"\n{extra}')
    return dataclasses.replace(
        installation, config_path=path, port=ports[0], audit_port=ports[1], metrics_port=ports[2]
    )


def server_files(installation: Installation) -> Files:
    """Give the service's own certificate, which echo and peer use too."""
    settings = installation.settings
    return Files(ca=installation.ca, certificate=settings.tls_cert, key=settings.tls_key)


def caller_files(installation: Installation) -> Files:
    """Give the agency's certificate."""
    identity = installation.identities[AGENCY]
    return Files(ca=installation.ca, certificate=identity.certificate, key=identity.key)


def remove(root: Path) -> None:
    """Throw an installation away."""
    shutil.rmtree(root, ignore_errors=True)
