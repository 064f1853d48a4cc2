"""The part of a check below gRPC: can the address be reached, and do both sides accept the other's certificate?

Uses the ssl module, because gRPC reports every failure of a handshake as UNAVAILABLE.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from padan.finding import Fault, Finding, failed, good

if TYPE_CHECKING:
    from padan.endpoint import Endpoint
    from padan.finding import Setup


# HTTP/2 preface and an empty SETTINGS frame (RFC 9113, 3.4): in TLS 1.3 a server's word on the client's certificate
# arrives only with the first bytes that are read.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_HOSTNAME_MISMATCH = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def tcp(endpoint: Endpoint, timeout: float) -> Finding:
    """Connect and close again."""
    try:
        socket.create_connection((endpoint.host, endpoint.port), timeout=timeout).close()
    except socket.gaierror:
        return failed(
            "connection",
            Fault.HOST_UNKNOWN,
            f"the host {endpoint.host} has no address",
            "check the spelling of the address, and this machine's DNS",
        )
    except OSError as error:
        why = "the connection is refused" if isinstance(error, ConnectionRefusedError) else "no answer"
        return failed(
            "connection",
            Fault.PORT_CLOSED,
            f"{endpoint}: {why}",
            "check the port, and that firewalls and the agreement's source addresses let this machine through",
        )
    return good("connection", f"{endpoint} is reachable")


def tls(endpoint: Endpoint, setup: Setup) -> Finding:
    """Make a handshake and wait for the first byte of the service."""
    context = ssl.create_default_context(cafile=setup.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 and later refuse CAs that gRPC accepts; a check must judge as the client does.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_cert_chain(setup.cert, setup.key)
    context.set_alpn_protocols(["h2"])
    name = setup.server_name or endpoint.host
    try:
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout=setup.timeout) as raw,
            context.wrap_socket(raw, server_hostname=name) as secured,
        ):
            return _settings(secured)
    except ssl.SSLCertVerificationError as error:
        return _server_refused(error, name)
    except OSError as error:
        return _client_refused() if _is_alert(error) else _broken(error)


def _settings(secured: ssl.SSLSocket) -> Finding:
    """Wait for the service's first byte; gRPC servers close without a word if they refuse the certificate."""
    try:
        secured.sendall(_PREFACE)
        heard = bool(secured.recv(1))
    except OSError:
        heard = False
    return good("handshake", "both sides accept the other's certificate") if heard else _client_refused()


def _server_refused(error: ssl.SSLCertVerificationError, name: str) -> Finding:
    if error.verify_code in _HOSTNAME_MISMATCH:
        return failed(
            "handshake",
            Fault.WRONG_SERVER_NAME,
            f"the server's certificate is not for {name}",
            "use the name that the operator gave you as address, or set server_name to it",
        )
    if error.verify_code == _NOT_YET_VALID:
        return failed(
            "handshake",
            Fault.CLOCK_OFF,
            "by this machine's clock the server's certificate is not valid yet",
            "set this machine's clock by NTP (timedatectl set-ntp true); if it is right, tell the operator",
        )
    if error.verify_code == _EXPIRED:
        return failed(
            "handshake",
            Fault.SERVER_CERTIFICATE_EXPIRED,
            "by this machine's clock the server's certificate has expired",
            "set this machine's clock by NTP; if it is right, tell the operator",
        )
    return failed(
        "handshake",
        Fault.WRONG_CA,
        "the server's certificate does not come from the CA file",
        "use the CA file that the operator gave you; if it is that one, somebody stands between: call the operator",
    )


def _is_alert(error: OSError) -> bool:
    return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")


def _client_refused() -> Finding:
    return failed(
        "handshake",
        Fault.CLIENT_CERTIFICATE_REFUSED,
        "the service does not accept the agency's certificate",
        "use the certificate that this service's operator issued; this one is of another CA, or was replaced",
    )


def _broken(error: OSError) -> Finding:
    return failed(
        "handshake",
        Fault.NOT_TLS,
        f"what listens there does not speak TLS as the service does ({type(error).__name__})",
        "check that address and port are the service's own, and that no proxy between ends TLS",
    )
