"""Stage liveness: does every part answer, again and again over a bounded time?

Each part is tried once a round. What fails is told by our own words or by the class of the error alone.
"""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.error import URLError

import grpc
from grpc_health.v1 import health_pb2

from keys.errors import KeysError
from padan import channel, csr, handshake
from padan.client import Client
from padan.endpoint import Endpoint
from padan.errors import PadanError
from padan.finding import Status
from padan.rpc import from_rpc
from verifier import host_keys, migrations
from verifier.errors import VerifierError
from verifier.log.open import open_log
from verifier.stage.errors import NotAliveError
from verifier.stage.percentile import percentile
from verifier.stage.report import Criterion, Findings
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from padan.finding import Finding, Setup
    from verifier.config import Settings

CERTIFICATE_DAYS: Final = 7
"""A certificate that ends sooner is no start into production, where nothing renews it by itself."""
_MILLISECONDS: Final = 1_000
_READY: Final = "padan_ready "
_HEALTH: Final = "/grpc.health.v1.Health/Check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an installation.

    Attributes:
        name: what it is.
        attempt: tries it; returns what it says, raises where it is not alive.
        once: whether the first round is enough, since trying it is dear.
    """

    name: str
    attempt: Callable[[], str]
    once: bool = False


@dataclass(slots=True, kw_only=True)
class Pulse:
    """What became of the attempts at a part."""

    times: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    said: str = ""


def watch(
    parts: Sequence[Part],
    *,
    seconds: float,
    interval: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Findings:
    """Try every part, round after round.

    Args:
        parts: what is tried.
        seconds: for how long; there is one round at least.
        interval: from the beginning of a round to that of the next, seconds.
        clock: monotonic, seconds.
        sleep: waits.
    """
    pulses = {part.name: Pulse() for part in parts}
    began, rounds = clock(), 0
    while True:
        for part in parts:
            if not (part.once and rounds):
                _attempt(part, pulses[part.name], clock)
        rounds += 1
        due = began + rounds * interval
        if due > began + seconds:
            break
        sleep(max(0.0, due - clock()))
    return Findings(
        criteria=[_criterion(name, pulse) for name, pulse in pulses.items()],
        figures={"rounds": rounds, "parts": {name: _figures(pulse) for name, pulse in pulses.items()}},
    )


def _attempt(part: Part, pulse: Pulse, clock: Callable[[], float]) -> None:
    began = clock()
    try:
        pulse.said = part.attempt()
    except (VerifierError, KeysError, PadanError) as error:
        pulse.faults[str(error)] += 1
    except (OSError, URLError) as error:
        pulse.faults[type(error).__name__] += 1
    pulse.times.append(clock() - began)


def _criterion(name: str, pulse: Pulse) -> Criterion:
    tries, failures = len(pulse.times), sum(pulse.faults.values())
    worst = pulse.faults.most_common(1)
    found = f"{tries - failures} of {tries} answers" + (f"; {worst[0][0]}" if worst else "")
    return Criterion(name=name, wanted="every answer", found=found, passed=not failures)


def _figures(pulse: Pulse) -> dict[str, object]:
    return {
        "tries": len(pulse.times),
        "failures": sum(pulse.faults.values()),
        "faults": dict(pulse.faults),
        "median_ms": round(percentile(pulse.times, 0.5) * _MILLISECONDS, 3),
        "slowest_ms": round(max(pulse.times) * _MILLISECONDS, 3),
        "said": pulse.said,
    }


def parts(settings: Settings, setup: Setup, *, certificate_days: int = CERTIFICATE_DAYS) -> Iterator[Part]:
    """List the parts of an installation.

    Args:
        settings: of the installation.
        setup: the service's address, and the files of an agency that may call it.
        certificate_days: for how long the server's certificate must be valid at least.
    """
    endpoint = Endpoint.parse(setup.address)
    yield Part(name="keyring unlocks", attempt=lambda: _keyring(settings), once=True)
    yield Part(name="server certificate", attempt=lambda: _certificate(settings, certificate_days), once=True)
    yield Part(name="log database", attempt=lambda: _log(settings))
    yield Part(name="vault and epoch", attempt=lambda: _vault(settings))
    yield Part(name="service: TLS", attempt=lambda: _shaken(handshake.tls(endpoint, setup)))
    yield Part(name="service: health", attempt=lambda: _health(setup))
    yield Part(name="service: answers", attempt=lambda: _info(settings, setup))
    audit = Endpoint.parse(settings.audit_listen)
    yield Part(name="audit listener: TLS", attempt=lambda: _shaken(handshake.tls(audit, setup)))
    if settings.metrics_listen:
        yield Part(name="metrics", attempt=lambda: _metrics(settings.metrics_listen, setup.timeout))


def _keyring(settings: Settings) -> str:
    with closing(host_keys.unlock(settings)) as agent:
        return f"keyring counter {agent.keyring_counter}, {len(agent.alarms())} alarms"


def _certificate(settings: Settings, days: int) -> str:
    ends = csr.read_certificate(settings.tls_cert.read_bytes()).not_after
    if ends - datetime.now(UTC) < timedelta(days=days):
        raise NotAliveError(f"tls_cert ends on {ends:%Y-%m-%d}, in less than {days} days")
    return f"valid until {ends:%Y-%m-%d}"


def _log(settings: Settings) -> str:
    migrations.require_current(settings.log_database, migrations.Tree.LOG)
    with closing(open_log(settings.log_database)) as log:
        log.check()
        return f"entry {log.head().sequence}"


def _vault(settings: Settings) -> str:
    migrations.require_current(settings.vault_database, migrations.Tree.VAULT)
    with closing(open_vault(settings.vault_database)) as vault:
        return f"epoch {vault.check().number}"


def _shaken(finding: Finding) -> str:
    if finding.status is Status.FAILED:
        raise NotAliveError(finding.detail)
    return finding.detail


def _health(setup: Setup) -> str:
    files = channel.read_files(ca=setup.ca, cert=setup.cert, key=setup.key)
    options = channel.options(setup.server_name)
    with grpc.secure_channel(setup.address, files.credentials(), options=options) as link:
        check = link.unary_unary(
            _HEALTH,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=setup.timeout, wait_for_ready=True)
        except grpc.RpcError as failure:
            raise from_rpc(failure) from None
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise NotAliveError("the service is not serving")
    return "serving"


def _info(settings: Settings, setup: Setup) -> str:
    with client_of(setup) as client:
        info = client.service_info()
    if (info.registry_id, info.environment) != (settings.registry_id, settings.environment):
        raise NotAliveError("what answers there is the service of another registry or environment")
    active = [epoch.number for epoch in info.epochs if epoch.active]
    if not active:
        raise NotAliveError("the service answers from no epoch")
    return f"release {info.service_version}, epoch {active[0]}"


def _metrics(address: str, seconds: float) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=seconds) as answer:
        lines = answer.read().decode().splitlines()
    ready = next((line.removeprefix(_READY) for line in lines if line.startswith(_READY)), "0")
    if float(ready) < 1:
        raise NotAliveError("the metrics say that no process answers")
    return f"{float(ready):.0f} processes answer"


def client_of(setup: Setup) -> Client:
    """Open a client with an agency's files.

    Raises:
        ConfigError: a file cannot be used.
    """
    return Client.from_files(
        setup.address,
        ca=setup.ca,
        cert=setup.cert,
        key=setup.key,
        server_name=setup.server_name,
        timeout=setup.timeout,
    )
