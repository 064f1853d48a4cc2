"""Mutual TLS over loopback: who gets past the handshake, and that changed files are taken up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.unit.verifier.certificates import DOMAIN, key, request
from verifier.ca import CertificateAuthority
from verifier.tls import TlsFiles, TlsFilesError, server_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

METHOD = "/test.Echo/Who"


def pem_of(private: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Site:
    """A CA, a server with its files, and clients."""

    def __init__(self, folder: Path) -> None:
        self.authority = CertificateAuthority.create(
            folder / "ca", trust_domain=DOMAIN, now=datetime.now(UTC)
        )
        self.files = TlsFiles(
            certificate=folder / "server.pem", key=folder / "server.key", client_cas=[folder / "clients.pem"]
        )
        self.renew()
        self.files.client_cas[0].write_bytes(self.authority.pem)
        self.faults: list[str] = []

    def renew(self, dns: str = "localhost") -> None:
        """Write a new key and certificate of the server."""
        issued, private = self.authority.issue_server(dns=[dns], ips=[], days=9, now=datetime.now(UTC))
        self.files.certificate.write_bytes(issued.pem)
        self.files.key.write_bytes(private)

    def client(self, authority: CertificateAuthority | None = None) -> tuple[bytes, bytes]:
        """Make a client's key and certificate."""
        private = key()
        issued = (authority or self.authority).issue(
            request(private),
            trust_domain=DOMAIN,
            kind="agency",
            caller_id="health",
            days=9,
            now=datetime.now(UTC),
        )
        return pem_of(private), issued.pem

    def start(self) -> tuple[grpc.Server, int]:
        """Serve a method that says what the handshake proved."""
        server = grpc.server(ThreadPoolExecutor(2))
        handler: Any = grpc.unary_unary_rpc_method_handler(
            lambda _request, context: context.auth_context()["x509_pem_cert"][0]
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("test.Echo", {"Who": handler}),)
        )
        port = server.add_secure_port(
            "localhost:0", server_credentials(self.files, on_fault=self.faults.append)
        )
        server.start()
        return server, port


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site in a folder."""
    return Site(tmp_path)


@pytest.fixture
def ask(site: Site) -> Iterator[Callable[..., bytes]]:
    """Call the server; each call makes a connection of its own."""
    server, port = site.start()

    def call(client: tuple[bytes, bytes] | None, name: str = "localhost") -> bytes:
        private, chain = client or (None, None)
        credentials = grpc.ssl_channel_credentials(site.authority.pem, private, chain)
        options = [("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(f"localhost:{port}", credentials, options) as channel:
            method: Any = channel.unary_unary(METHOD)
            answer: bytes = method(b"", timeout=5)
            return answer

    yield call
    server.stop(0).wait(5)


def refused(ask: Callable[..., bytes], client: tuple[bytes, bytes] | None, name: str = "localhost") -> bool:
    """Say whether a connection is refused."""
    try:
        ask(client, name)
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def test_a_client_of_the_ca_gets_through(site: Site, ask: Callable[..., bytes]) -> None:
    """The server sees the certificate that the client proved."""
    client = site.client()
    assert ask(client).strip() == client[1].strip()


@pytest.mark.attack
def test_no_certificate_or_one_of_another_ca_is_refused(
    site: Site, ask: Callable[..., bytes], tmp_path: Path
) -> None:
    """Without a certificate of an accepted CA there is no connection."""
    other = CertificateAuthority.create(tmp_path / "other", trust_domain=DOMAIN, now=datetime.now(UTC))
    assert refused(ask, None)
    assert refused(ask, site.client(other))
    assert not refused(ask, site.client())


@pytest.mark.attack
def test_a_server_certificate_is_no_clients(site: Site, ask: Callable[..., bytes]) -> None:
    """A certificate for servers does not get past the handshake as a client."""
    assert refused(ask, (site.files.key.read_bytes(), site.files.certificate.read_bytes()))


def test_a_renewed_certificate_is_taken_up_without_a_restart(site: Site, ask: Callable[..., bytes]) -> None:
    """New files are used at the next connection."""
    client = site.client()
    assert refused(ask, client, "renewed.example")
    site.renew("renewed.example")
    assert not refused(ask, client, "renewed.example")


def test_an_outside_ca_is_one_more_certificate_in_the_file(
    site: Site, ask: Callable[..., bytes], tmp_path: Path
) -> None:
    """A CA that is added to the file is accepted at the next connection, beside the first."""
    other = CertificateAuthority.create(tmp_path / "other", trust_domain=DOMAIN, now=datetime.now(UTC))
    assert refused(ask, site.client(other))
    site.files.client_cas[0].write_bytes(site.authority.pem + other.pem)
    assert not refused(ask, site.client(other))
    assert not refused(ask, site.client())


def test_files_that_do_not_belong_together_leave_the_last_good_ones(
    site: Site, ask: Callable[..., bytes]
) -> None:
    """A half-done renewal is no outage, and is told."""
    client = site.client()
    assert not refused(ask, client)
    site.files.key.write_bytes(pem_of(key()))
    for _ in range(3):
        assert not refused(ask, client)
    [fault] = site.faults
    assert "not the key of" in fault
    site.files.certificate.unlink()
    assert not refused(ask, client)
    assert "cannot be read" in site.faults[1]
    site.renew("renewed.example")
    assert not refused(ask, client, "renewed.example")


@pytest.mark.parametrize("broken", ["certificate", "key", "client_cas"])
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_unusable_files_are_named(site: Site, broken: str, content: bytes | None) -> None:
    """A server does not start on files that cannot be used, and says which."""
    path = site.files.client_cas[0] if broken == "client_cas" else getattr(site.files, broken)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TlsFilesError, match=str(path)):
        server_credentials(site.files)
