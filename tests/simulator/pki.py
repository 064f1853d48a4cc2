"""Certificates for tests: two CAs, a server, and agencies in every state that a check must tell apart."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

SERVER_NAME = "padan.test"
AGENCY_URI = "spiffe://registry.test/agency/clinic"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Paths of a certificate and its key."""

    cert: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Everything that a test of the client needs."""

    ca: str
    other_ca: str
    server: Pair
    agency: Pair
    expired: Pair
    expiring: Pair
    nameless: Pair
    stranger: Pair
    """Of the other CA."""


def make(folder: Path) -> Pki:
    """Write all files into a folder."""
    trusted, other = _Authority(folder, "ca"), _Authority(folder, "other-ca")
    server_names: list[x509.GeneralName] = [
        x509.DNSName(SERVER_NAME),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    uri: list[x509.GeneralName] = [x509.UniformResourceIdentifier(AGENCY_URI)]
    return Pki(
        ca=trusted.path,
        other_ca=other.path,
        server=trusted.issue("server", server_names),
        agency=trusted.issue("agency", uri),
        expired=trusted.issue("expired", uri, days=(-20, -10)),
        expiring=trusted.issue("expiring", uri, days=(-20, 10)),
        nameless=trusted.issue("nameless", []),
        stranger=other.issue("stranger", uri),
    )


class _Authority:
    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name(name)
        certificate = (
            _builder(self._name, self._name, self._key, (-30, 365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        path = folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.path = str(path)

    def issue(self, name: str, names: list[x509.GeneralName], *, days: tuple[int, int] = (-1, 300)) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_common_name(name), self._name, key, days)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pair = Pair(cert=str(self._folder / f"{name}.pem"), key=str(self._folder / f"{name}.key"))
        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self._folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.now(tz=UTC)
    first, last = days
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + first * _DAY)
        .not_valid_after(now + last * _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
