"""A whole installation in a folder, and the running service on it: for tests that ask over the wire.

Everything is real: keyring, CA, certificates, signed agreements, databases, a process started by its command line. Only
the people are made up.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from padan.client import Client
from padan.v1 import attribute_pb2, verification_pb2
from tests.people import BUDI

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.installation import Identity, Installation


@dataclass(slots=True, kw_only=True)
class RunningService:
    """The service as a process of its own."""

    installation: Installation
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def client(self, agency: str = "tax", *, timeout: float = 5.0) -> Client:
        """Make a client of an agency."""
        identity = self.installation.identities[agency]
        return Client.from_files(
            f"127.0.0.1:{self.installation.port}",
            ca=self.installation.ca,
            cert=identity.certificate,
            key=identity.key,
            server_name="localhost",
            timeout=timeout,
        )

    def channel(self, agency: str = "tax", *, audit: bool = False) -> grpc.Channel:
        """Open a bare channel of a caller."""
        identity = self.installation.identities[agency]
        port = self.installation.audit_port if audit else self.installation.port
        return open_channel(self.installation, identity, port)

    def messages(self) -> str:
        """What it wrote to standard error."""
        return self.log.read_text()


def open_channel(installation: Installation, identity: Identity, port: int) -> grpc.Channel:
    """Open a channel to one of the listeners."""
    credentials = grpc.ssl_channel_credentials(
        installation.ca.read_bytes(), identity.key.read_bytes(), identity.certificate.read_bytes()
    )
    return grpc.secure_channel(
        f"127.0.0.1:{port}",
        credentials,
        options=(
            ("grpc.ssl_target_name_override", "localhost"),
            ("grpc.use_local_subchannel_pool", 1),
            # A service listens when it can answer; whoever waits for that asks again soon.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        ),
    )


def wait_until_ready(
    installation: Installation, process: subprocess.Popen[bytes], seconds: float = 20
) -> None:
    """Wait until the service's health says so."""
    identity = next(iter(installation.identities.values()))
    began = time.monotonic()
    with open_channel(installation, identity, installation.port) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() - began < seconds:
            if process.poll() is not None:
                break
            with contextlib.suppress(grpc.RpcError):
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(0.05)
    raise RuntimeError(f"the service did not become ready (exit {process.poll()})")


@contextlib.contextmanager
def running(
    installation: Installation, *, environment: Mapping[str, str] | None = None, ready: bool = True
) -> Iterator[RunningService]:
    """Start the service, wait until it is ready, and stop it at the end."""
    log = installation.root / f"service-{uuid.uuid4().hex[:8]}.log"
    command = [
        sys.executable,
        "-m",
        "verifier.cli.server",
        "--config",
        str(installation.config_path),
        "serve",
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
            cwd=Path(__file__).parents[1],
        )
    try:
        if ready:
            try:
                wait_until_ready(installation, process)
            except RuntimeError as error:
                raise RuntimeError(f"{error}: {log.read_text()[-2000:]}") from error
        yield RunningService(installation=installation, process=process, log=log)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def request(
    *,
    nik: str = BUDI["NIK"],
    claims: Mapping[Any, str] | None = None,
    purpose: str = "service",
    request_id: str = "",
    blind: bytes = b"",
    **fields: Any,
) -> verification_pb2.VerifyRequest:
    """Make a valid VerifyRequest."""
    chosen = {attribute_pb2.ATTRIBUTE_NAME: BUDI["NAMA_LGKP"]} if claims is None else claims
    message = verification_pb2.VerifyRequest(
        request_id=request_id or str(uuid.uuid4()),
        blind=blind or os.urandom(32),
        purpose=purpose,
        officer="officer-1",
        nik=nik,
        legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
    )
    for attribute, value in chosen.items():
        message.claims.add(attribute=attribute_pb2.Attribute.ValueType(attribute), value=value)
    for name, value in fields.items():
        setattr(message, name, value)
    return message
