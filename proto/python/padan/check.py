"""`padan check`: why does it not work, and who must do what?

Goes from the inside out and stops at the first fault that hides the rest: the agency's own files, the TCP connection,
the TLS handshake, the service's view of the caller, the clock, the agreement, one refusal. Each finding names cause and
next step.

Guarantees: nothing is asked about a resident. The one question that is sent names a purpose that no agreement can have
and a number of a region that does not exist, and is refused before any look-up; the refusal stands in the log.
Assumes the extra `cli` (cryptography) for reading certificates.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from padan import channel, csr, handshake, remedy
from padan.client import Client
from padan.endpoint import Endpoint
from padan.errors import ConfigError, PadanError
from padan.finding import Fault, Finding, Setup, Status, failed, good
from padan.question import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from padan.info import ServiceInfo

CLOCK_TOLERANCE: Final = timedelta(seconds=30)
EXPIRY_WARNING: Final = timedelta(days=30)
CLOCK_SUSPICION: Final = timedelta(days=1)
PROBE_PURPOSE: Final = "padan-check"
PROBE_NIK: Final = "9999990101010001"
"""Well-formed; no region has the code 999999."""


class _Stop(Exception):  # noqa: N818 - it carries a finding, it is no error
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


def run(setup: Setup, now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)) -> tuple[Finding, ...]:
    """Check everything in order; the first failure is the last finding.

    Args:
        setup: address and files.
        now: this machine's clock.
    """
    findings: list[Finding] = []
    try:
        for finding in _steps(setup, now):
            findings.append(finding)
            if finding.status is Status.FAILED:
                break
    except _Stop as stop:
        findings.append(stop.finding)
    return tuple(findings)


def _steps(setup: Setup, now: Callable[[], datetime]) -> Iterator[Finding]:
    # 1 the agency's own files
    certificate = _files(setup)
    yield good("files", "CA, certificate and key are readable and fit")
    yield _validity(certificate, now())
    yield _name(certificate)
    # 2 the connection
    endpoint = _endpoint(setup)
    yield handshake.tcp(endpoint, setup.timeout)
    # 3 the handshake, in both directions
    yield handshake.tls(endpoint, setup)
    # 4 the service's view
    with Client.from_files(
        str(endpoint),
        ca=setup.ca,
        cert=setup.cert,
        key=setup.key,
        server_name=setup.server_name,
        timeout=setup.timeout,
    ) as client:
        before = now()
        try:
            info = client.service_info()
        except PadanError as error:
            yield _call_failed("identity", error)
            return
        yield good("identity", f"the service of {info.registry_id} knows the caller")
        # 5 the clock
        yield _clock(info, before, now())
        # 6 the agreement
        yield _agreement(info)
        # 7 one refusal
        yield _refusal(client)


def _files(setup: Setup) -> csr.Certificate:
    try:
        files = channel.read_files(ca=setup.ca, cert=setup.cert, key=setup.key)
        csr.read_certificate(files.ca)
        certificate = csr.read_certificate(files.cert)
        own = csr.public_key_of(files.key)
    except ConfigError as error:
        raise _Stop(failed("files", Fault.FILE, error.message, error.next_step)) from None
    if own != certificate.public_key:
        raise _Stop(
            failed(
                "files",
                Fault.KEY_MISMATCH,
                "the private key does not belong to the certificate",
                "use the key from which the certificate's request was made",
            )
        )
    return certificate


def _validity(certificate: csr.Certificate, now: datetime) -> Finding:
    until = f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"
    if now > certificate.not_after:
        return failed(
            "validity",
            Fault.CERTIFICATE_EXPIRED,
            f"the agency's certificate expired on {until}",
            "make a new request with `padan init` and have the operator renew the certificate",
        )
    if now < certificate.not_before:
        return _not_yet(certificate.not_before, now)
    if certificate.not_after - now < EXPIRY_WARNING:
        return Finding(
            step="validity",
            status=Status.WARNING,
            detail=f"the agency's certificate expires on {until}",
            fault=Fault.CERTIFICATE_EXPIRES_SOON,
            next_step="make a new request with `padan init` and have the operator renew it now",
        )
    return good("validity", f"the certificate is valid until {until}")


def _not_yet(begin: datetime, now: datetime) -> Finding:
    """A young certificate from the future is most likely a clock that is behind: step 5 tells by how much."""
    finding = failed(
        "validity",
        Fault.CERTIFICATE_NOT_YET_VALID,
        f"the agency's certificate is valid only from {begin:%Y-%m-%d %H:%M} UTC",
        "set this machine's clock by NTP; if it is right, have the certificate issued again",
    )
    return replace(finding, status=Status.WARNING) if begin - now < CLOCK_SUSPICION else finding


def _name(certificate: csr.Certificate) -> Finding:
    names = [uri for uri in certificate.uris if uri.startswith("spiffe://")]
    if len(names) != 1:
        return failed(
            "name",
            Fault.NO_SAN,
            "the certificate has not exactly one spiffe:// URI in its subject alternative name",
            "have the operator issue it with `padan-server agency enrol`; a CA of your own must add the URI",
        )
    return good("name", f"the certificate names {names[0]}")


def _endpoint(setup: Setup) -> Endpoint:
    try:
        return Endpoint.parse(setup.address)
    except ConfigError as error:
        raise _Stop(failed("connection", Fault.FILE, error.message, error.next_step)) from None


_FAULTS = {
    "UNKNOWN_CALLER": Fault.UNKNOWN_AGENCY,
    "CERTIFICATE_REFUSED": Fault.CLIENT_CERTIFICATE_REFUSED,
    "NO_AGREEMENT": Fault.NO_AGREEMENT,
    "AGREEMENT_SUSPENDED": Fault.AGREEMENT_SUSPENDED,
}


def _call_failed(step: str, error: PadanError) -> Finding:
    fault = _FAULTS.get(error.reason, Fault.CALL)
    where = "agreement" if fault in {Fault.NO_AGREEMENT, Fault.AGREEMENT_SUSPENDED} else step
    return failed(where, fault, str(error), error.next_step)


def _clock(info: ServiceInfo, before: datetime, after: datetime) -> Finding:
    if info.time is None:
        return Finding(step="clock", status=Status.WARNING, detail="the service does not tell its time")
    middle = before + (after - before) / 2
    off = middle - info.time
    if abs(off) > CLOCK_TOLERANCE + (after - before) / 2:
        direction = "ahead of" if off > timedelta() else "behind"
        return failed(
            "clock",
            Fault.CLOCK_OFF,
            f"this machine's clock is {abs(off).total_seconds():.0f} s {direction} the service's",
            "set this machine's clock by NTP (timedatectl set-ntp true)",
        )
    return good("clock", f"the clocks are {abs(off).total_seconds():.1f} s apart")


def _agreement(info: ServiceInfo) -> Finding:
    if info.agreement is None:
        row = remedy.TABLE["NO_AGREEMENT"]
        return failed("agreement", Fault.NO_AGREEMENT, row.cause, row.next_step)
    codes = ", ".join(purpose.code for purpose in info.agreement.purposes)
    return Finding(
        step="agreement",
        status=Status.PASSED,
        detail=f"{info.agreement.agreement_id}@{info.agreement.version} grants: {codes}",
    )


def _refusal(client: Client) -> Finding:
    probe = Question.build(
        nik=PROBE_NIK,
        claims={"name": "padan check"},
        purpose=PROBE_PURPOSE,
        officer="padan-check",
        legal_basis="public_task",
    )
    try:
        client.ask(probe)
    except PadanError as error:
        if error.reason == "PURPOSE_NOT_GRANTED":
            return good("refusal", "a purpose that is not granted is refused, as it must be")
        return _call_failed("refusal", error)
    return failed(
        "refusal",
        Fault.CALL,
        "the service answered under a purpose that nobody granted",
        "tell the operator at once",
    )
