"""Makes certificates that a careless or hostile CA could make, for the tests of identity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DOMAIN = "padan.example"
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


def uri(text: str) -> x509.GeneralName:
    """Make a URI name without checking it."""
    return x509.UniformResourceIdentifier._init_without_validation(text)


def key() -> ec.EllipticCurvePrivateKey:
    """Make a private key."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    names: Sequence[x509.GeneralName],
    *,
    common_name: str = "x",
    usages: Sequence[x509.ObjectIdentifier] = (CLIENT,),
    ca: bool = False,
    days: tuple[int, int] = (-1, 30),
) -> bytes:
    """Make a certificate that signs itself, PEM; whose CA it is does not matter to what is tested here."""
    private = key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def request(
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    *,
    names: Sequence[x509.GeneralName] = (),
) -> bytes:
    """Make a signing request, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(private or key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
