"""Who calls: the name in the URI of the TLS peer's certificate, and nothing else.

`spiffe://<trust domain>/agency/<id>`, and likewise auditor, custodian, officer and operator. The name is taken from
the certificate that the handshake proved; no header, no field and no common name can say otherwise. Assumes that the
chain was checked by TLS; checks on every call what TLS does not: the time (a connection outlives its certificate),
the registration, and the revocation.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from verifier.certificate import CertificateReadError, read
from verifier.errors import CallerError

if TYPE_CHECKING:
    from verifier.revocation import Register

KINDS: Final = ("agency", "auditor", "custodian", "officer", "operator")
ID_PATTERN: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_CACHED: Final = 4096


class UnknownCallerError(CallerError):
    """The certificate names no known caller of this service."""

    reason: ClassVar[str] = "UNKNOWN_CALLER"


class CertificateRefusedError(CallerError):
    """The certificate is revoked, expired, not yet valid, or not one for a client."""

    reason: ClassVar[str] = "CERTIFICATE_REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A caller, as its certificate names it.

    Attributes:
        kind: one of KINDS.
        id: the caller's id.
        serial: the certificate's serial number, lower-case hexadecimal.
        fingerprint: SHA-256 of the certificate's DER, 32 bytes.
        not_before: first second of its validity, Unix epoch.
        not_after: last second of its validity, Unix epoch.
    """

    kind: str
    id: str
    serial: str
    fingerprint: bytes
    not_before: int
    not_after: int


def name_of(trust_domain: str, kind: str, caller_id: str) -> str:
    """Write the URI that names a caller.

    Raises:
        ValueError: no such kind, or not an id.
    """
    if kind not in KINDS or not re.fullmatch(ID_PATTERN, caller_id):
        raise ValueError(f"a caller is one of {', '.join(KINDS)} with an id of a-z, 0-9 and hyphens")
    return f"spiffe://{trust_domain}/{kind}/{caller_id}"


class PeerReader:
    """Reads peers of one trust domain; keeps what it read, by the certificate's bytes."""

    def __init__(self, trust_domain: str, *, capacity: int = _CACHED) -> None:
        self._name = re.compile(rf"spiffe://{re.escape(trust_domain)}/({'|'.join(KINDS)})/({ID_PATTERN})")
        self._capacity = capacity
        self._peers: dict[bytes, Peer] = {}
        self._adding = threading.Lock()

    def peer_of(self, pem: bytes) -> Peer:
        """Read the caller out of its certificate in PEM.

        Raises:
            UnknownCallerError: not exactly one name, or none of this trust domain.
            CertificateRefusedError: not a certificate for a TLS client, or not readable.
        """
        peer = self._peers.get(pem)
        if peer is None:
            peer = self._read(pem)
            with self._adding:
                if len(self._peers) >= self._capacity:
                    # The oldest half goes: a dict keeps the order of insertion, and reads need no lock.
                    for old in list(self._peers)[: max(1, self._capacity // 2)]:
                        del self._peers[old]
                self._peers[pem] = peer
        return peer

    def _read(self, pem: bytes) -> Peer:
        try:
            certificate = read(pem)
        except CertificateReadError as error:
            raise CertificateRefusedError(str(error)) from error
        if certificate.has_nul:
            raise CertificateRefusedError("a name in the certificate holds a NUL")
        if certificate.is_ca or not certificate.client_auth:
            raise CertificateRefusedError("the certificate is not one for a TLS client")
        if len(certificate.names) != 1 or certificate.names[0][0] != "uri":
            raise UnknownCallerError("the certificate must have exactly one alternative name, a URI")
        match = self._name.fullmatch(certificate.names[0][1])
        if match is None:
            raise UnknownCallerError("the certificate's name is not of this trust domain")
        return Peer(
            kind=match[1],
            id=match[2],
            serial=certificate.serial,
            fingerprint=certificate.fingerprint,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
        )


class Registers(Protocol):
    """What gives the register as it is now: a snapshot, or whoever reads it anew."""

    def current(self) -> Register:
        """Give it.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        ...


class PeerGate:
    """Admits callers: the first step of the main path."""

    def __init__(self, reader: PeerReader, register: Registers) -> None:
        self._reader = reader
        self._register = register

    def admit(self, pem: bytes, now: float) -> Peer:
        """Say who calls, or refuse.

        Args:
            pem: the certificate that the TLS handshake proved.
            now: seconds of the Unix epoch.

        Raises:
            UnknownCallerError: it names no caller that is registered with this very certificate.
            CertificateRefusedError: expired, not yet valid, revoked, or not for a client.
            SnapshotStaleError: the register could not be read for too long.
        """
        peer = self._reader.peer_of(pem)
        if not peer.not_before <= now <= peer.not_after:
            raise CertificateRefusedError("the certificate is expired or not yet valid")
        self._register.current().require(peer)
        return peer
