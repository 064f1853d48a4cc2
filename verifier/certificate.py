"""What a certificate says, read once. Nothing here trusts it: the TLS handshake checks the chain, `identity` the name.

Follows RFC 5280; the name is the URI subject alternative name of SPIFFE's X.509-SVID, which allows exactly one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CERTIFICATE: Final = 16_384
FINGERPRINT_SIZE: Final = 32


class CertificateReadError(ValueError):
    """The bytes are no certificate that can be read; the message says why, without its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The parts of a certificate that matter here.

    Attributes:
        names: the subject alternative names, each with its kind ("uri", "dns", "ip", "other").
        serial: the serial number, lower-case hexadecimal without leading zeros.
        fingerprint: SHA-256 of the DER, 32 bytes.
        not_before: first second of its validity, Unix epoch.
        not_after: last second of its validity, Unix epoch.
        client_auth: the extended key usage names TLS clients.
        is_ca: the certificate may sign others.
        has_nul: a name in it holds a NUL.
    """

    names: tuple[tuple[str, str], ...]
    serial: str
    fingerprint: bytes
    not_before: int
    not_after: int
    client_auth: bool
    is_ca: bool
    has_nul: bool


def read(pem: bytes) -> Certificate:
    """Read one certificate in PEM; further certificates after it are not looked at.

    Raises:
        CertificateReadError: too large, or no well-formed certificate.
    """
    if len(pem) > MAX_CERTIFICATE:
        raise CertificateReadError("the certificate is too large")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = tuple(_names(certificate))
        return Certificate(
            names=names,
            serial=serial_text(certificate.serial_number),
            fingerprint=certificate.fingerprint(SHA256()),
            not_before=int(certificate.not_valid_before_utc.timestamp()),
            not_after=int(certificate.not_valid_after_utc.timestamp()),
            client_auth=_client_auth(certificate),
            is_ca=_is_ca(certificate),
            has_nul=_has_nul(certificate, names),
        )
    except (
        ValueError,
        TypeError,  # from the library, for a subject's attribute of an odd type
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise CertificateReadError("no well-formed certificate") from error


def serial_text(serial: int) -> str:
    """Write a serial number as the database and the commands show it."""
    return f"{serial:x}"


def _names(certificate: x509.Certificate) -> Iterable[tuple[str, str]]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return
    for name in extension.value:
        if isinstance(name, x509.UniformResourceIdentifier):
            yield "uri", name.value
        elif isinstance(name, x509.DNSName):
            yield "dns", name.value
        elif isinstance(name, x509.IPAddress):
            yield "ip", str(name.value)
        else:
            yield "other", type(name).__name__


def _client_auth(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage.value


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _has_nul(certificate: x509.Certificate, names: Iterable[tuple[str, str]]) -> bool:
    texts = [value for _, value in names]
    texts += [str(attribute.value) for attribute in certificate.subject]
    return any("\0" in text for text in texts)
