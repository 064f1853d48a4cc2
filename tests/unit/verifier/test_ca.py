"""The small CA: it takes only a key from a request, sets the name itself, and signs for at most 90 days."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.unit.verifier.certificates import DOMAIN, NOW, key, request, uri
from verifier.ca import (
    KEY_FILE,
    AuthorityError,
    CertificateAuthority,
    CertificateTermsError,
    Issued,
    SigningRequestError,
)
from verifier.identity import PeerReader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    """A new authority."""
    return CertificateAuthority.create(tmp_path / "ca", trust_domain=DOMAIN, now=NOW)


def issue(
    authority: CertificateAuthority,
    csr: bytes | None = None,
    *,
    kind: str = "agency",
    caller_id: str = "health",
    days: int = 90,
) -> Issued:
    """Sign a request for the agency of the tests."""
    return authority.issue(
        csr or request(), trust_domain=DOMAIN, kind=kind, caller_id=caller_id, days=days, now=NOW
    )


def test_the_key_is_for_its_owner_alone(tmp_path: Path, authority: CertificateAuthority) -> None:
    """The key's file has mode 0600, and neither repr nor pickle tells of it."""
    assert (tmp_path / "ca" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(authority)
    with pytest.raises(TypeError):
        pickle.dumps(authority)


def test_there_is_one_authority_a_folder(tmp_path: Path, authority: CertificateAuthority) -> None:
    """An authority is never written over."""
    with pytest.raises(AuthorityError, match="already"):
        CertificateAuthority.create(tmp_path / "ca", trust_domain=DOMAIN, now=NOW)
    assert CertificateAuthority.open(tmp_path / "ca").pem == authority.pem


def test_a_passphrase_seals_the_key(tmp_path: Path) -> None:
    """A sealed key opens with its passphrase and no other."""
    made = CertificateAuthority.create(tmp_path, trust_domain=DOMAIN, now=NOW, passphrase=b"correct horse")
    assert b"ENCRYPTED" in (tmp_path / KEY_FILE).read_bytes()
    assert CertificateAuthority.open(tmp_path, passphrase=b"correct horse").pem == made.pem
    for wrong in (b"", b"wrong"):
        with pytest.raises(AuthorityError):
            CertificateAuthority.open(tmp_path, passphrase=wrong)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    """Another root's key, damage and absence are told apart from a working authority."""
    for name in ("a", "b"):
        CertificateAuthority.create(tmp_path / name, trust_domain=DOMAIN, now=NOW)
    (tmp_path / "a" / KEY_FILE).write_bytes((tmp_path / "b" / KEY_FILE).read_bytes())
    with pytest.raises(AuthorityError, match="not a pair"):
        CertificateAuthority.open(tmp_path / "a")
    (tmp_path / "b" / KEY_FILE).write_bytes(b"damaged")
    with pytest.raises(AuthorityError):
        CertificateAuthority.open(tmp_path / "b")
    with pytest.raises(AuthorityError, match="ca init"):
        CertificateAuthority.open(tmp_path / "nowhere")


@pytest.mark.attack
def test_only_the_key_is_taken_from_a_request(authority: CertificateAuthority) -> None:
    """A request that names another agency, or several, gets the one name that was enrolled."""
    private = key()
    names = [uri(f"spiffe://{DOMAIN}/agency/tax"), x509.DNSName("tax.example")]
    issued = issue(authority, request(private, names=names))
    assert issued.certificate.names == (("uri", f"spiffe://{DOMAIN}/agency/health"),)
    signed = x509.load_pem_x509_certificate(issued.pem)
    assert signed.public_key() == private.public_key()
    assert "anything" not in signed.subject.rfc4514_string()


def test_a_client_certificate_is_for_clients_alone(authority: CertificateAuthority) -> None:
    """What is signed verifies under the root, and can neither serve nor sign."""
    issued = issue(authority)
    signed, root = (x509.load_pem_x509_certificate(pem) for pem in (issued.pem, authority.pem))
    signed.verify_directly_issued_by(root)
    assert not signed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert PeerReader(DOMAIN).peer_of(issued.pem).id == "health"
    assert signed.not_valid_after_utc == NOW + timedelta(days=90)
    assert signed.not_valid_before_utc == NOW - timedelta(minutes=5)


@pytest.mark.parametrize("days", [0, 91, -1, 10_000])
def test_a_certificate_lives_at_most_90_days(authority: CertificateAuthority, days: int) -> None:
    """Another length of time is refused."""
    with pytest.raises(CertificateTermsError):
        issue(authority, days=days)


def test_no_certificate_outlives_its_root(authority: CertificateAuthority) -> None:
    """Near the end of the root nothing is signed that would be worthless."""
    late = NOW + timedelta(days=3600)
    with pytest.raises(CertificateTermsError, match="outlive"):
        authority.issue(request(), trust_domain=DOMAIN, kind="agency", caller_id="a", days=90, now=late)


@pytest.mark.parametrize(
    ("kind", "caller_id"),
    [
        ("agency", "Health"),
        ("agency", "a/b"),
        ("agency", ""),
        ("agency", "a\0"),
        ("root", "a"),
        ("server", "a"),
    ],
)
def test_names_keep_to_the_grammar(authority: CertificateAuthority, kind: str, caller_id: str) -> None:
    """No name is signed that the service would not read."""
    with pytest.raises(CertificateTermsError):
        issue(authority, kind=kind, caller_id=caller_id)


def test_a_changed_request_is_refused(authority: CertificateAuthority) -> None:
    """A request whose signature does not hold proves no key."""
    lines = request().splitlines()
    lines[3] = lines[3][:10] + (b"A" if lines[3][10:11] != b"A" else b"B") + lines[3][11:]
    with pytest.raises(SigningRequestError):
        issue(authority, b"\n".join(lines))


@pytest.mark.parametrize("csr", [b"", b"x", b" " * 20_000, b"-----BEGIN CERTIFICATE REQUEST-----\nAA\n"])
def test_what_is_no_request_is_refused(authority: CertificateAuthority, csr: bytes) -> None:
    """A file that is no request ends in its error and no other."""
    with pytest.raises(SigningRequestError):
        authority.issue(csr, trust_domain=DOMAIN, kind="agency", caller_id="a", days=9, now=NOW)


def test_keys_must_be_strong_and_spoken_by_tls(authority: CertificateAuthority) -> None:
    """P-256, P-384 and long RSA keys are signed; short RSA, other curves and Ed25519 are not."""
    issue(authority, request(ec.generate_private_key(ec.SECP384R1())))
    issue(authority, request(rsa.generate_private_key(65537, 3072)))
    for weak in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP521R1())):
        with pytest.raises(SigningRequestError):
            issue(authority, request(weak))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    from cryptography.hazmat.primitives.serialization import Encoding

    other = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.PEM)
    with pytest.raises(SigningRequestError):
        issue(authority, other)


def test_a_server_certificate_serves_alone(authority: CertificateAuthority) -> None:
    """A server's certificate has its host names and addresses, and is no client's."""
    issued, private = authority.issue_server(
        dns=["padan.example", "localhost"], ips=["127.0.0.1", "::1"], days=30, now=NOW
    )
    assert issued.certificate.names == (
        ("dns", "padan.example"),
        ("dns", "localhost"),
        ("ip", "127.0.0.1"),
        ("ip", "::1"),
    )
    assert not issued.certificate.client_auth
    assert b"PRIVATE KEY" in private


@pytest.mark.parametrize(("dns", "ips"), [([], []), ([], ["127.0.0"]), (["ümlaut"], [])])
def test_a_server_needs_a_name(authority: CertificateAuthority, dns: list[str], ips: list[str]) -> None:
    """Without a name, or with a malformed one, no server certificate is signed."""
    with pytest.raises(CertificateTermsError):
        authority.issue_server(dns=dns, ips=ips, days=30, now=NOW)


def test_serials_do_not_repeat(authority: CertificateAuthority) -> None:
    """Each certificate has a serial number of its own."""
    assert len({issue(authority).certificate.serial for _ in range(20)}) == 20
