"""`padan check` finds each planted fault and names the remedy."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from padan import check
from padan.finding import Fault, Finding, Setup, Status, passed
from padan.v1 import verification_pb2
from tests.simulator.refusal import refuse
from tests.simulator.service import refusing

if TYPE_CHECKING:
    import enum
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulator.pki import Pair, Pki
    from tests.simulator.service import Service


@pytest.fixture
def setup(service: Service, pki: Pki) -> Setup:
    """A set-up in which nothing is wrong."""
    service.steps.append(refusing(grpc.StatusCode.PERMISSION_DENIED, "PURPOSE_NOT_GRANTED"))
    return Setup(address=service.address, ca=pki.ca, cert=pki.agency.cert, key=pki.agency.key)


def with_pair(setup: Setup, pair: Pair) -> Setup:
    """Use another certificate."""
    return replace(setup, cert=pair.cert, key=pair.key)


def fault(findings: tuple[Finding, ...]) -> enum.StrEnum | None:
    """Return the fault that ended a check; all but the last finding passed."""
    assert all(finding.status is not Status.FAILED for finding in findings[:-1])
    last = findings[-1]
    assert (last.status is Status.FAILED) == (not passed(findings))
    assert last.status is Status.PASSED or (last.next_step and last.detail)
    return last.fault


def test_healthy_setup_passes_every_step(setup: Setup, service: Service) -> None:
    """With nothing wrong every step passes, and the one question asks nothing about a resident."""
    findings = check.run(setup)
    assert [finding.step for finding in findings] == [
        "files",
        "validity",
        "name",
        "connection",
        "handshake",
        "identity",
        "clock",
        "agreement",
        "refusal",
    ]
    assert {finding.status for finding in findings} == {Status.PASSED}
    (body,) = service.bodies
    request = verification_pb2.VerifyRequest.FromString(body)
    assert (request.nik[:6], request.purpose) == ("999999", "padan-check")


def test_wrong_ca(setup: Setup, pki: Pki) -> None:
    """Fault 1: the CA file is not the one of the server."""
    assert fault(check.run(replace(setup, ca=pki.other_ca))) is Fault.WRONG_CA


def test_expired_certificate(setup: Setup, pki: Pki, service: Service) -> None:
    """Fault 2: the agency's certificate has expired; found without a call."""
    assert fault(check.run(with_pair(setup, pki.expired))) is Fault.CERTIFICATE_EXPIRED
    assert not service.remaining


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clock_off(setup: Setup, service: Service, minutes: int) -> None:
    """Fault 3: the clocks are ten minutes apart, in either direction."""
    service.info.time.FromDatetime(datetime.now(tz=UTC) + timedelta(minutes=minutes))
    findings = check.run(setup)
    assert fault(findings) is Fault.CLOCK_OFF
    assert ("behind" if minutes > 0 else "ahead of") in findings[-1].detail
    assert "600 s" in findings[-1].detail or "599 s" in findings[-1].detail or "601 s" in findings[-1].detail


def test_own_clock_off(setup: Setup) -> None:
    """Fault 3, planted in this machine's clock."""
    findings = check.run(setup, now=lambda: datetime.now(tz=UTC) - timedelta(minutes=10))
    assert fault(findings) is Fault.CLOCK_OFF


def test_no_san(setup: Setup, pki: Pki) -> None:
    """Fault 4: the certificate has no URI; found without a call."""
    assert fault(check.run(with_pair(setup, pki.nameless))) is Fault.NO_SAN


def test_unknown_agency(setup: Setup, service: Service) -> None:
    """Fault 5: the service does not know the agency."""
    service.info_step = lambda context: refuse(context, grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_CALLER")
    assert fault(check.run(setup)) is Fault.UNKNOWN_AGENCY


def test_suspended_agreement(setup: Setup, service: Service) -> None:
    """Fault 6: the agreement is suspended, told by GetServiceInfo or by Verify."""
    service.info_step = lambda context: refuse(
        context, grpc.StatusCode.PERMISSION_DENIED, "AGREEMENT_SUSPENDED"
    )
    assert fault(check.run(setup)) is Fault.AGREEMENT_SUSPENDED
    service.info_step = None
    service.steps.clear()
    service.steps.append(refusing(grpc.StatusCode.PERMISSION_DENIED, "AGREEMENT_SUSPENDED"))
    assert fault(check.run(setup)) is Fault.AGREEMENT_SUSPENDED


def test_port_closed(setup: Setup) -> None:
    """Fault 7: nothing listens."""
    assert fault(check.run(replace(setup, address="127.0.0.1:1"))) is Fault.PORT_CLOSED


def test_wrong_server_name(setup: Setup) -> None:
    """Fault 8: the certificate is for another name."""
    assert fault(check.run(replace(setup, server_name="elsewhere.test"))) is Fault.WRONG_SERVER_NAME
    assert fault(check.run(replace(setup, server_name="padan.test"))) is None


def test_no_agreement(setup: Setup, service: Service) -> None:
    """An agency without an agreement is told so."""
    service.info.ClearField("agreement")
    assert fault(check.run(setup)) is Fault.NO_AGREEMENT


def test_certificate_of_another_ca(setup: Setup, pki: Pki) -> None:
    """A client certificate that the service does not accept is found in the handshake."""
    assert fault(check.run(with_pair(setup, pki.stranger))) is Fault.CLIENT_CERTIFICATE_REFUSED


def test_key_of_another_certificate(setup: Setup, pki: Pki) -> None:
    """A key that does not belong to the certificate is found without a call."""
    assert fault(check.run(replace(setup, key=pki.stranger.key))) is Fault.KEY_MISMATCH


def test_missing_file(setup: Setup, tmp_path: Path) -> None:
    """A file that is not there is named."""
    findings = check.run(replace(setup, key=str(tmp_path / "none.key")))
    assert fault(findings) is Fault.FILE
    assert "none.key" in findings[-1].detail


def test_certificate_that_ends_soon_is_a_warning(setup: Setup, pki: Pki) -> None:
    """Thirty days before its end a certificate is warned of, and the check goes on and passes."""
    findings = check.run(with_pair(setup, pki.expiring))
    assert passed(findings)
    assert findings[1].fault is Fault.CERTIFICATE_EXPIRES_SOON


def test_certificate_from_the_future(setup: Setup) -> None:
    """A certificate that begins in months is refused; one that begins in hours points to the clock."""
    months = check.run(setup, now=lambda: datetime.now(tz=UTC) - timedelta(days=90))
    assert fault(months) is Fault.CERTIFICATE_NOT_YET_VALID
    hours = check.run(setup, now=lambda: datetime.now(tz=UTC) - timedelta(days=1, hours=12))
    assert hours[1].status is Status.WARNING
    assert fault(hours) is Fault.CLOCK_OFF


def test_unknown_host(setup: Setup) -> None:
    """A name without an address is told apart from a closed port."""
    assert fault(check.run(replace(setup, address="no-such-host.invalid:7443"))) is Fault.HOST_UNKNOWN


def test_malformed_address(setup: Setup) -> None:
    """An address that is not host:port is told before anything is connected."""
    assert fault(check.run(replace(setup, address="localhost"))) is Fault.FILE


@pytest.fixture
def plain_port() -> Iterator[int]:
    """A port that speaks no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):  # the check connects once for TCP and once for TLS
                connection, _peer = listener.accept()
                with connection:
                    connection.sendall(b"220 mail.test ESMTP\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_another_service_on_the_port(setup: Setup, plain_port: int) -> None:
    """What speaks no TLS is told as such."""
    assert fault(check.run(replace(setup, address=f"127.0.0.1:{plain_port}"))) is Fault.NOT_TLS


def test_answer_under_an_ungranted_purpose_is_an_alarm(setup: Setup, service: Service) -> None:
    """A service that answers where it must refuse fails the check."""
    service.steps.clear()
    findings = check.run(setup)
    assert fault(findings) is Fault.CALL
    assert findings[-1].next_step == "tell the operator at once"
