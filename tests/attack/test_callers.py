"""Attacks 11, 18 and 29: another agency's things, the same bytes again, and certificates that must not do."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from padan import commitment
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import audit_pb2, audit_pb2_grpc, verification_pb2, verification_pb2_grpc
from tests.installation import TRUST_DOMAIN, Identity, install, write_identity
from tests.service import open_channel, request, running
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation
    from tests.service import RunningService

pytestmark = pytest.mark.attack
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
AGENCY = f"spiffe://{TRUST_DOMAIN}/agency/tax"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with two agencies under the same terms."""
    root = tmp_path_factory.mktemp("two")
    installation = install(root, agencies={"tax": Terms(), "health": Terms()})
    with running(installation) as service:
        yield service


def ask(
    service: RunningService, message: verification_pb2.VerifyRequest, agency: str = "tax", **kwargs: Any
) -> verification_pb2.VerifyResponse:
    """Ask as an agency."""
    with service.channel(agency) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        answer: verification_pb2.VerifyResponse = stub.Verify(message, timeout=5, **kwargs)
        return answer


def test_another_agencys_request_id_is_nothing_to_me(two: RunningService) -> None:
    """B sends A's request byte for byte: it is B's own question, with its own receipt; nothing of A's is replayed."""
    message = request()
    first = ask(two, message, "tax")
    second = ask(two, message, "health")
    assert second.receipt != first.receipt
    assert commitment.request_digest(message, "tax") != commitment.request_digest(message, "health")


def test_headers_do_not_make_a_caller(two: RunningService) -> None:
    """No header names an agency: the entry is of the certificate's holder."""
    metadata = (
        ("x-forwarded-client-cert", f"URI={AGENCY}"),
        ("x-agency", "tax"),
        ("authorization", "Bearer tax"),
    )
    message = request()
    ask(two, message, "health", metadata=metadata)
    with two.channel("health", audit=True) as channel:
        page = audit_pb2_grpc.AuditServiceStub(channel).ListEntries(
            audit_pb2.ListEntriesRequest(page_size=1000), timeout=5
        )
    request_id = bytes.fromhex(message.request_id.replace("-", ""))
    assert any(request_id in entry.entry for entry in page.entries)


def test_an_agency_cannot_read_anothers_entries(two: RunningService) -> None:
    """The filter names another agency: refused; without a filter only own entries come, and page tokens are bound."""
    ask(two, request(), "tax")
    for _ in range(3):
        ask(two, request(), "health")
    with two.channel("health", audit=True) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListEntries(audit_pb2.ListEntriesRequest(agency="tax"), timeout=5)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        page = stub.ListEntries(audit_pb2.ListEntriesRequest(page_size=2), timeout=5)
    assert all(b"health" in entry.entry and b"\x03tax" not in entry.entry for entry in page.entries)
    with two.channel("tax", audit=True) as channel, pytest.raises(grpc.RpcError) as refused:
        audit_pb2_grpc.AuditServiceStub(channel).ListEntries(
            audit_pb2.ListEntriesRequest(page_token=page.next_page_token), timeout=5
        )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_replays_survive_a_restart_and_cost_nothing(tmp_path: Path) -> None:
    """Attack 18: after a restart the same bytes get the stored answer, one entry more, and no further charge."""
    installation = install(tmp_path / "replay", agencies={"tax": Terms(subject=2)})
    wrong = {vocabulary.ATTRIBUTE_NAME: "SITI RAHAYU"}
    message = request(claims=wrong)
    with running(installation) as service:
        first = ask(service, message)
    with running(installation) as service:
        for _ in range(4):
            assert ask(service, message).SerializeToString() == first.SerializeToString()
        assert ask(service, request(claims=wrong)).outcome == vocabulary.VERDICT_NO_MATCH
        assert ask(service, request(claims=wrong)).outcome == vocabulary.VERDICT_BLOCKED
        message.not_after.FromSeconds(2**31)
        with pytest.raises(grpc.RpcError) as refused:
            ask(service, message)
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


class Forge:
    """Makes certificates that no command of ours would make, signed by the service's own CA or by another."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._own = installation.authority._key
        self._root = installation.authority._root

    def make(
        self,
        name: str,
        *,
        uris: tuple[str, ...] = (AGENCY,),
        dns: tuple[str, ...] = (),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        begins: dt.timedelta = dt.timedelta(hours=-1),
        lives: dt.timedelta = dt.timedelta(days=1),
        foreign: bool = False,
        register: bool = True,
    ) -> Identity:
        """Make one, and enter it into the directory as the agency's."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = ec.generate_private_key(ec.SECP256R1()) if foreign else self._own
        start = dt.datetime.now(dt.UTC) + begins
        names = [x509.UniformResourceIdentifier(uri) for uri in uris] + [x509.DNSName(item) for item in dns]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + lives)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        pem = builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)
        if register:
            self._installation.register(pem, "tax")
        return write_identity(self._installation.root / "forged", name, pem, key)


def status_of(service: RunningService, identity: Identity) -> grpc.StatusCode:
    """Ask with a certificate; OK where it is answered."""
    with open_channel(service.installation, identity, service.installation.port) as channel:
        return code_of(verification_pb2_grpc.VerificationServiceStub(channel))


FORGED: dict[str, dict[str, object]] = {
    "expired": {"begins": dt.timedelta(days=-3)},
    "not yet valid": {"begins": dt.timedelta(hours=1)},
    "wrong usage": {"usage": ExtendedKeyUsageOID.SERVER_AUTH},
    "wrong CA": {"foreign": True},
    "no name": {"uris": ()},
    "two names": {"uris": (AGENCY, f"spiffe://{TRUST_DOMAIN}/agency/health")},
    "a host name beside": {"dns": ("tax.example",)},
    "another trust domain": {"uris": ("spiffe://other.example/agency/tax",)},
    "another agency's name": {"uris": (f"spiffe://{TRUST_DOMAIN}/agency/health",)},
    "a NUL in the name": {"uris": (f"{AGENCY}\x00.health",)},
    "not registered": {"register": False},
}


def test_certificates_that_must_not_do(two: RunningService) -> None:
    """Attack 29: each forged certificate is refused, in the handshake or on the call."""
    forge = Forge(two.installation)
    identities = {
        case: forge.make(f"case-{number}", **arguments)  # type: ignore[arg-type]  # a table of arguments
        for number, (case, arguments) in enumerate(FORGED.items())
    }
    good = forge.make("good")
    deadline = time.monotonic() + 30
    while status_of(two, good) is not grpc.StatusCode.OK:
        assert time.monotonic() < deadline, "a registered certificate is not accepted"
        time.sleep(0.5)
    refusals = {case: status_of(two, identity) for case, identity in identities.items()}
    assert set(refusals.values()) <= {UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}, refusals


def code_of(stub: verification_pb2_grpc.VerificationServiceStub) -> grpc.StatusCode:
    """Ask once on an open connection."""
    try:
        stub.Verify(request(), timeout=5)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def wait_for(
    stub: verification_pb2_grpc.VerificationServiceStub, code: grpc.StatusCode, *, seconds: float
) -> None:
    """Ask until a status comes."""
    deadline = time.monotonic() + seconds
    while (seen := code_of(stub)) is not code:
        assert time.monotonic() < deadline, seen
        time.sleep(0.3)


def test_a_revocation_ends_open_connections(two: RunningService) -> None:
    """Attack 29: a certificate revoked in mid-connection is refused within 60 s, by serial and with its agency."""
    identity = two.installation.certify("leaving")
    two.installation.agree("leaving")
    directory = two.installation.directory()
    (certificate,) = directory.certificates("leaving")
    serial = certificate.serial
    with open_channel(two.installation, identity, two.installation.port) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        wait_for(stub, grpc.StatusCode.OK, seconds=30)
        directory.revoke_certificate(serial, at_ms=1)
        wait_for(stub, UNAUTHENTICATED, seconds=60)
    directory.close()


def test_a_certificate_that_expires_in_mid_connection_is_refused(two: RunningService) -> None:
    """Attack 29: the time is checked on every call, not only in the handshake."""
    short = Forge(two.installation).make("short", lives=dt.timedelta(hours=1, seconds=14))
    with open_channel(two.installation, short, two.installation.port) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        wait_for(stub, grpc.StatusCode.OK, seconds=12)
        wait_for(stub, UNAUTHENTICATED, seconds=30)
