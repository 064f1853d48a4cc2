"""The agency's certificate files: a new key with its signing request, and what a certificate says.

Guarantees: the private key is P-256, made here, written with mode 0600, and leaves this machine in no file of ours; no
existing file is overwritten. Assumes the extra `cli` (cryptography).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from padan.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

KEY_NAME: Final = "agency.key"
CSR_NAME: Final = "agency.csr"
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The files that were written."""

    key: Path
    csr: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate file says."""

    uris: tuple[str, ...]
    """URIs of the subject alternative name; the service reads the caller's name from there."""
    not_before: datetime
    not_after: datetime
    issuer: str
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""


def create(agency: str, folder: Path, *, trust_domain: str = "") -> Created:
    """Make a key and a signing request.

    Args:
        agency: the agency's id: letters a-z, digits and hyphens, at most 63.
        folder: made if missing, with mode 0700.
        trust_domain: of the service; where given, the request asks for spiffe://<trust domain>/agency/<id>.

    Raises:
        ConfigError: a bad id, a file that exists, or a folder that cannot be written.
    """
    if not _ID.fullmatch(agency):
        raise ConfigError(
            "the agency's id has other characters than a-z, 0-9 and hyphens, or is too long",
            reason="FILE",
            next_step="use the id that stands in the agreement",
        )
    private = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, agency)])
    )
    if trust_domain:
        name = x509.UniformResourceIdentifier(f"spiffe://{trust_domain}/agency/{agency}")
        builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    request = builder.sign(private, hashes.SHA256())
    made = Created(key=folder / KEY_NAME, csr=folder / CSR_NAME)
    refuse_existing(made.key, made.csr)
    write_new(made.key, _pem(private), mode=0o600)
    write_new(made.csr, request.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return made


def refuse_existing(*paths: Path) -> None:
    """Refuse to go on where one of the files exists.

    Raises:
        ConfigError: one exists.
    """
    for path in paths:
        if path.exists():
            raise ConfigError(
                f"{path} exists already; nothing was written",
                reason="FILE_EXISTS",
                next_step="choose another folder; to replace a key, keep the old one until its certificate ends",
            )


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet.

    Raises:
        ConfigError: it exists, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})",
            reason="FILE",
            next_step="choose a folder that you may write, with none of these files in it",
        ) from None


def read_certificate(pem: bytes) -> Certificate:
    """Read the first certificate of a PEM file.

    Raises:
        ConfigError: there is none.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        return Certificate(
            uris=_uris(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            issuer=certificate.issuer.rfc4514_string(),
            public_key=_spki(certificate.public_key()),
        )
    except _UNREADABLE:
        raise ConfigError(
            "the certificate file holds no readable certificate",
            reason="FILE",
            next_step="use the file that the operator returned, unchanged",
        ) from None


def public_key_of(pem: bytes) -> bytes:
    """Read a private key and give its public half, SubjectPublicKeyInfo, DER.

    Raises:
        ConfigError: no readable key without a passphrase.
    """
    try:
        return _spki(serialization.load_pem_private_key(pem, password=None).public_key())
    except (ValueError, TypeError):
        raise ConfigError(
            "the private key is not readable, or has a passphrase",
            reason="FILE",
            next_step="use the key that `padan init` made; keep the folder closed instead of a passphrase",
        ) from None


def _uris(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))


def _spki(key: object) -> bytes:
    encode = key.public_bytes  # type: ignore[attr-defined]  # every public key of the library has it
    der: bytes = encode(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
