"""What a check finds: a step, how it ended, and for a fault its stable name and the next step.

The faults here are those of `padan check`; another check names its own.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Fault(enum.StrEnum):
    """What can be wrong; stable names for programs."""

    FILE = "file"
    KEY_MISMATCH = "key-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_EXPIRES_SOON = "certificate-expires-soon"
    NO_SAN = "no-san"
    HOST_UNKNOWN = "host-unknown"
    PORT_CLOSED = "port-closed"
    NOT_TLS = "not-tls"
    WRONG_CA = "wrong-ca"
    WRONG_SERVER_NAME = "wrong-server-name"
    SERVER_CERTIFICATE_EXPIRED = "server-certificate-expired"
    CLIENT_CERTIFICATE_REFUSED = "client-certificate-refused"
    UNKNOWN_AGENCY = "unknown-agency"
    CLOCK_OFF = "clock-off"
    NO_AGREEMENT = "no-agreement"
    AGREEMENT_SUSPENDED = "agreement-suspended"
    CALL = "call"


class Status(enum.StrEnum):
    """How a step ended."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one step found."""

    step: str
    status: Status
    detail: str
    fault: enum.StrEnum | None = None
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is checked."""

    address: str
    ca: str
    cert: str
    key: str
    server_name: str | None = None
    timeout: float = 5.0


def failed(step: str, fault: enum.StrEnum, detail: str, next_step: str) -> Finding:
    """Make the finding of a fault."""
    return Finding(step=step, status=Status.FAILED, detail=detail, fault=fault, next_step=next_step)


def good(step: str, detail: str) -> Finding:
    """Make the finding of a step that passed."""
    return Finding(step=step, status=Status.PASSED, detail=detail)


def warned(step: str, fault: enum.StrEnum, detail: str, next_step: str) -> Finding:
    """Make the finding of something that is not wrong yet, or may be meant."""
    return Finding(step=step, status=Status.WARNING, detail=detail, fault=fault, next_step=next_step)


def passed(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed; warnings pass."""
    return all(finding.status is not Status.FAILED for finding in findings)
