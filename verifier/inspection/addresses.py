"""The addresses that the service would listen on: of this machine, apart from each other, and free."""

from __future__ import annotations

import errno
import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keys import host_socket
from keys.errors import SocketPathError
from padan.finding import failed, good, warned
from verifier.inspection.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.finding import Finding
    from verifier.config import Settings

STEP: Final = "listen"
_LAST_PORT: Final = 65_535
_METRICS: Final = ("metrics_listen", "leader_metrics_listen")


def check_addresses(settings: Settings) -> Iterator[Finding]:
    """Try each address by binding to it for a moment; nothing listens, so that nobody can connect."""
    custody = ["custody_listen"] if settings.starts_key_agent or settings.key_agent else []
    leader = ["leader_metrics_listen"] if settings.leader == "process" else []
    names = ("listen", "audit_listen", "metrics_listen", *custody, *leader)
    addresses = {name: getattr(settings, name) for name in names if getattr(settings, name)}
    findings = [*_twice(addresses)]
    used = []
    for name, address in addresses.items():
        host, _, port = address.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
            findings.append(
                failed(STEP, Fault.ADDRESS, f"{name}: {address} has no port of 1 to 65535", _mend(name))
            )
            continue
        problem = _bind(host.strip("[]"), int(port))
        if problem == errno.EADDRINUSE:
            used.append(address)
        elif problem:
            findings.append(_unusable(name, address, problem))
        elif name in _METRICS and not _is_local(host.strip("[]")):
            findings.append(
                warned(
                    STEP,
                    Fault.ADDRESS,
                    f"{name}: {address} can be reached from elsewhere; metrics name agencies, without a password",
                    "let a firewall admit the monitoring alone, or name an address of this host",
                )
            )
    findings += _key_agent(settings)
    yield from findings
    if not findings:
        said = f"; {', '.join(used)} in use, as by a service that runs" if used else ""
        yield good(STEP, f"the addresses are this machine's{said}")


def _key_agent(settings: Settings) -> Iterator[Finding]:
    """Knock at the key agent that the settings name."""
    if not settings.key_agent:
        return
    try:
        host_socket.connect(Path(settings.key_agent)).close()
    except SocketPathError as error:
        yield failed(STEP, Fault.ADDRESS, f"key_agent: {error}", "name a shorter path in key_agent")
    except OSError:
        yield warned(
            STEP,
            Fault.ADDRESS,
            f"key_agent: {settings.key_agent}: no key agent of this user answers, so nothing will be ready",
            "start padan-server agent as the service's user, or leave key_agent empty",
        )


def _mend(name: str) -> str:
    return f"write {name} as host:port, for example 127.0.0.1:7443"


def _twice(addresses: dict[str, str]) -> Iterator[Finding]:
    for name, address in addresses.items():
        first = next(other for other, same in addresses.items() if same == address)
        if first != name:
            yield failed(
                STEP,
                Fault.ADDRESS,
                f"{name}: {address} is the address of {first} too",
                f"give {name} another port",
            )


def _unusable(name: str, address: str, problem: int) -> Finding:
    if problem == errno.EACCES:
        return failed(
            STEP,
            Fault.ADDRESS,
            f"{name}: {address} may not be used by this user",
            "take a port above 1023, or run this as the service's user",
        )
    return failed(
        STEP,
        Fault.ADDRESS,
        f"{name}: {address} is no address of this machine",
        f"name one that `ip address` shows in {name}, or 0.0.0.0 for all",
    )


def _bind(host: str, port: int) -> int:
    """Bind for a moment; returns the error number, 0 for none."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return 0


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
