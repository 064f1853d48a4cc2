"""The service under attack: one for all network attacks, on loopback, with an honest agency and a noisy one."""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from bench import cpu, generator, pki
from tests import service
from tests.attack.network.target import Caller, Honest, honest_client
from tests.installation import TRUST_DOMAIN, install
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOISY_PER_SECOND = 40
_BODIES = 20_000
_SHARE = 1_000  # bodies for one honest client


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The running service and everybody who calls it."""

    running: service.RunningService
    honest: Caller
    known: Caller  # an agency that attacks
    noisy: Caller  # an agency with a small quota
    nobody: Caller  # no certificate
    foreign: Caller  # a certificate of another authority, with a name of ours in it
    bodies: Path  # one Verify each, none twice
    counter: Iterator[int]

    @property
    def pids(self) -> set[int]:
        """The service's processes."""
        return cpu.tree(self.running.pid)

    def first(self) -> int:
        """Reserve bodies for one client; give the index of the first."""
        return next(self.counter) * _SHARE


class Report(Protocol):
    """Prints a figure; seen with -s, and when a test fails."""

    def __call__(self, what: str, figure: object) -> None:
        """Print it."""


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Print figures under the test's name."""

    def write(what: str, figure: object) -> None:
        sys.stdout.write(f"\n{request.node.name}: {what}: {figure}")

    return write


@pytest.fixture(scope="package")
def calm(target: Target) -> Honest:
    """Measure the honest client alone, for what this machine does without an attack."""
    with honest_client(target.honest, target.bodies, first=target.first()) as seen:
        time.sleep(2)
    return seen[0]


@pytest.fixture(scope="package")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Install and start the service."""
    root = tmp_path_factory.mktemp("network")
    calm = Terms()
    noisy = Terms(calls_per_second=NOISY_PER_SECOND)
    installation = install(root / "padan", agencies={"honest": calm, "known": calm, "noisy": noisy})
    stranger = pki.Authority(root / "foreign").client("stranger", f"spiffe://{TRUST_DOMAIN}/agency/honest")
    ca = str(installation.ca)

    def caller(certificate: str = "", key: str = "") -> Caller:
        return Caller(
            port=installation.port, server_name="localhost", ca=ca, certificate=certificate, key=key
        )

    def agency(name: str) -> Caller:
        identity = installation.identities[name]
        return caller(str(identity.certificate), str(identity.key))

    bodies = root / "bodies"
    generator.write_bodies(bodies, (service.request().SerializeToString() for _ in range(_BODIES)))
    with service.running(installation) as running:
        yield Target(
            running=running,
            honest=agency("honest"),
            known=agency("known"),
            noisy=agency("noisy"),
            nobody=caller(),
            foreign=caller(str(stranger.certificate), str(stranger.key)),
            bodies=bodies,
            counter=itertools.count(),
        )
