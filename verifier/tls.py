"""The server's side of mutual TLS, as grpcio wants it.

Guarantees: no client without a certificate of an accepted CA gets past the handshake. Certificate, key and CA files
are looked at before each handshake, so that a renewed certificate is used without a restart; files that do not
belong together leave the last good ones in place. grpcio speaks TLS 1.2 and 1.3.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from verifier.config import Settings

_LOGGER = logging.getLogger("padan.tls")

Stamp: TypeAlias = tuple[tuple[int, int, int], ...]
"""Of each file: time of change, size, inode."""


class TlsFilesError(OperatorError):
    """Certificate, key or CA file is missing, malformed, or they do not belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the server's TLS files are.

    Attributes:
        certificate: the server's certificate, and after it those up to the root, PEM.
        key: the server's private key, PEM.
        client_cas: files of CA certificates that clients may come from; an outside CA is one more.
    """

    certificate: Path
    key: Path
    client_cas: Sequence[Path]


class _Loader:
    """Reads the files when one of them has changed."""

    def __init__(self, files: TlsFiles, on_fault: Callable[[str], None]) -> None:
        self._files = files
        self._on_fault = on_fault
        self._seen: Stamp = self._stamp()
        self._faulty: Stamp | None = None
        self._told = ""
        self._checking = threading.Lock()

    def initial(self) -> grpc.ServerCertificateConfiguration:
        return _load(self._files)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new configuration, or None to go on with the old one; grpcio calls this at each handshake."""
        with self._checking:
            stamp: Stamp | None = None
            try:
                stamp = self._stamp()
                # Files that were found unusable are not read again until they change.
                if stamp in {self._seen, self._faulty}:
                    return None
                loaded = _load(self._files)
            except TlsFilesError as error:
                if str(error) != self._told:
                    self._on_fault(str(error))
                self._faulty, self._told = stamp, str(error)
                return None
            self._seen, self._faulty, self._told = stamp, None, ""
            return loaded

    def _stamp(self) -> Stamp:
        files = (self._files.certificate, self._files.key, *self._files.client_cas)
        try:
            return tuple(
                (stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in (path.stat() for path in files)
            )
        except OSError as error:
            raise TlsFilesError(f"{error.filename}: cannot be read ({error.strerror})") from error


def server_credentials(
    files: TlsFiles, *, on_fault: Callable[[str], None] = lambda _: None
) -> grpc.ServerCredentials:
    """Build the credentials of a listener that demands a client certificate.

    Args:
        files: the TLS files.
        on_fault: told when changed files cannot be used and the last good ones stay.

    Raises:
        TlsFilesError: the files cannot be used.
    """
    loader = _Loader(files, on_fault)
    return grpc.dynamic_ssl_server_credentials(
        loader.initial(),
        loader.changed,  # type: ignore[arg-type] # the stubs do not know that None means no change
        require_client_authentication=True,
    )


def credentials_of(settings: Settings) -> grpc.ServerCredentials:
    """Make a listener's credentials; each needs its own, since the first one to ask gets the initial files.

    Raises:
        TlsFilesError: the files cannot be used.
    """
    return server_credentials(
        TlsFiles(certificate=settings.tls_cert, key=settings.tls_key, client_cas=[settings.client_ca]),
        on_fault=lambda _fault: _LOGGER.error("changed TLS files cannot be used; the last good ones stay"),
    )


def _load(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    chain, key = _read(files.certificate), _read(files.key)
    roots = b"\n".join(_read(path) for path in files.client_cas)
    _require_pair(files, chain, key)
    _require_certificates(files, roots)
    return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=roots)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsFilesError(f"{path}: cannot be read ({error.strerror})") from error


def _require_pair(files: TlsFiles, chain: bytes, key: bytes) -> None:
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, IndexError) as error:
        raise TlsFilesError(
            f"{files.certificate}, {files.key}: no certificate, or no unsealed key"
        ) from error
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ours = private.public_key().public_bytes(encoding, form)
    if certificate.public_key().public_bytes(encoding, form) != ours:
        raise TlsFilesError(f"{files.key}: not the key of {files.certificate}")


def _require_certificates(files: TlsFiles, roots: bytes) -> None:
    try:
        x509.load_pem_x509_certificates(roots)
    except ValueError as error:
        names = ", ".join(str(path) for path in files.client_cas)
        raise TlsFilesError(f"{names}: no CA certificates; every client would be refused") from error
