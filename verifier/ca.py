"""The service's own small certificate authority: a root on ECDSA P-256 that signs clients and servers directly.

Guarantees: of a request (CSR) only the public key is taken, after its proof of possession; the name is set here, and
is the only one. A certificate lives at most 90 days. The root's key is a file of mode 0600, under a passphrase where
one is given; whoever has it can name themselves anything, but not register it (see `revocation`).
Follows RFC 5280; subject names follow SPIFFE's X.509-SVID.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from verifier.certificate import Certificate, read
from verifier.errors import OperatorError
from verifier.identity import name_of
from verifier.secret_file import write_secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_DAYS: Final = 90
ROOT_DAYS: Final = 3653
MIN_RSA_BITS: Final = 3072
BACKDATED: Final = timedelta(minutes=5)
"""A client's clock may be a little behind ours."""
CERTIFICATE_FILE: Final = "ca.pem"
KEY_FILE: Final = "ca.key"
_CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
_SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
_MAX_CSR: Final = 16_384


class AuthorityError(OperatorError):
    """The authority's files are missing, there already, or do not open."""


class SigningRequestError(OperatorError):
    """The request (CSR) is malformed, does not prove its key, or has a key that is too weak."""


class CertificateTermsError(OperatorError):
    """A certificate like this is not issued here: its time, its name or its addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate as it was signed: its PEM, and what it says."""

    pem: bytes
    certificate: Certificate


class CertificateAuthority:
    """A root certificate and its key."""

    def __init__(self, root: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._root = root
        self._key = key

    def __repr__(self) -> str:
        """Name the authority; never its key."""
        return f"<CertificateAuthority {self._root.serial_number:x}>"

    def __reduce__(self) -> str:
        raise TypeError("an authority holds a key and is not pickled")

    @classmethod
    def create(
        cls, directory: Path, *, trust_domain: str, now: datetime, passphrase: bytes = b""
    ) -> CertificateAuthority:
        """Make a new root and write its files.

        Args:
            directory: where `ca.pem` and `ca.key` are written; made if missing.
            trust_domain: stands in the root's name.
            now: an aware time.
            passphrase: seals the key's file (PKCS#8, as OpenSSL does); empty for none.

        Raises:
            AuthorityError: there is one already, or it cannot be written.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Padan root of {trust_domain}"[:64])])
        root = (
            _builder(name, name, key.public_key(), now, ROOT_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        sealing: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_secret(
                directory / KEY_FILE,
                key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing),
            )
            (directory / CERTIFICATE_FILE).write_bytes(root.public_bytes(serialization.Encoding.PEM))
        except FileExistsError as error:
            raise AuthorityError(f"{directory / KEY_FILE}: there is an authority already") from error
        except OSError as error:
            raise AuthorityError(f"{directory}: cannot be written ({error.strerror})") from error
        return cls(root, key)

    @classmethod
    def open(cls, directory: Path, *, passphrase: bytes = b"") -> CertificateAuthority:
        """Read the files that `create` wrote.

        Raises:
            AuthorityError: missing, malformed, not a pair, or the passphrase does not open them.
        """
        try:
            root = x509.load_pem_x509_certificate((directory / CERTIFICATE_FILE).read_bytes())
            key = serialization.load_pem_private_key(
                (directory / KEY_FILE).read_bytes(), password=passphrase or None
            )
        except OSError as error:
            raise AuthorityError(
                f"{directory}: no authority can be read here ({error.strerror}); make one with ca init"
            ) from error
        except (ValueError, TypeError) as error:
            raise AuthorityError(f"{directory}: malformed, or another passphrase") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != root.public_key():
            raise AuthorityError(f"{directory}: key and certificate are not a pair")
        return cls(root, key)

    @property
    def pem(self) -> bytes:
        """The root certificate, PEM."""
        return self._root.public_bytes(serialization.Encoding.PEM)

    @property
    def certificate(self) -> Certificate:
        """What the root certificate says."""
        return read(self.pem)

    def issue(
        self, csr: bytes, *, trust_domain: str, kind: str, caller_id: str, days: int, now: datetime
    ) -> Issued:
        """Sign a client certificate.

        Args:
            csr: a PKCS#10 request, PEM; only its public key is taken.
            trust_domain: host part of the name.
            kind: agency, auditor, custodian, officer or operator.
            caller_id: the caller's id.
            days: 1 to 90.
            now: an aware time.

        Raises:
            SigningRequestError: the request cannot be used.
            CertificateTermsError: no such kind, not an id, or too long a time.
        """
        try:
            uri = name_of(trust_domain, kind, caller_id)
        except ValueError as error:
            raise CertificateTermsError(str(error)) from error
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        return self._sign(_public_key(csr), names, common_name=caller_id, usage=_CLIENT, days=days, now=now)

    def issue_server(
        self, *, dns: Sequence[str], ips: Sequence[str], days: int, now: datetime
    ) -> tuple[Issued, bytes]:
        """Make a server's key and sign its certificate.

        Args:
            dns: host names.
            ips: IP addresses.
            days: 1 to 90.
            now: an aware time.

        Returns:
            The certificate, and the key in PEM (PKCS#8, not sealed).

        Raises:
            CertificateTermsError: no name, a malformed one, or too long a time.
        """
        try:
            names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
            names += [x509.IPAddress(ip_address(ip)) for ip in ips]
        except ValueError as error:
            raise CertificateTermsError("a host name or an address is malformed") from error
        if not names:
            raise CertificateTermsError("a server certificate needs a host name or an address")
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self._sign(
            key.public_key(),
            x509.SubjectAlternativeName(names),
            common_name=str(names[0].value),
            usage=_SERVER,
            days=days,
            now=now,
        )
        return issued, key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        names: x509.SubjectAlternativeName,
        *,
        common_name: str,
        usage: x509.ObjectIdentifier,
        days: int,
        now: datetime,
    ) -> Issued:
        if not 1 <= days <= MAX_DAYS:
            raise CertificateTermsError(f"a certificate lives 1 to {MAX_DAYS} days")
        if now + timedelta(days=days) > self._root.not_valid_after_utc:
            raise CertificateTermsError("the certificate would outlive its root; make a new root")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
        signed = (
            _builder(subject, self._root.subject, key, now, days)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        pem = signed.public_bytes(serialization.Encoding.PEM)
        return Issued(pem=pem, certificate=read(pem))


def utc_now() -> datetime:
    """Return the wall clock's time; for the commands, which hand it down."""
    return datetime.now(UTC)


def _public_key(csr: bytes) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    if len(csr) > _MAX_CSR:
        raise SigningRequestError("the request is too large")
    try:
        request = x509.load_pem_x509_csr(csr)
        key = request.public_key()
        proved = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise SigningRequestError("no well-formed request; make one with padan init") from error
    if not proved:
        raise SigningRequestError("the request does not prove that its key is held")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    raise SigningRequestError(f"the key must be ECDSA P-256 or P-384, or RSA of {MIN_RSA_BITS} bits or more")


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
