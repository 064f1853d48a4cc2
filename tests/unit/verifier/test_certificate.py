"""Certificates are read as they are, and what cannot be read ends in its error."""

from __future__ import annotations

import hashlib
from base64 import b64decode

import pytest
from cryptography import x509

from tests.unit.verifier.certificates import certificate, uri
from verifier.certificate import CertificateReadError, read, serial_text


def test_what_it_says_is_read() -> None:
    """Names keep their order and kind; the fingerprint is over the DER."""
    pem = certificate([x509.DNSName("a.example"), uri("spiffe://x/y"), x509.RFC822Name("a@b.example")])
    found = read(pem)
    assert found.names == (("dns", "a.example"), ("uri", "spiffe://x/y"), ("other", "RFC822Name"))
    der = b64decode(b"".join(pem.splitlines()[1:-1]))
    assert found.fingerprint == hashlib.sha256(der).digest()
    assert found.client_auth
    assert not found.is_ca
    assert not found.has_nul
    assert found.not_after - found.not_before == 31 * 86_400


def test_only_the_first_certificate_counts() -> None:
    """What follows the first certificate of a chain changes nothing."""
    first, second = certificate([uri("spiffe://x/1")]), certificate([uri("spiffe://x/2")])
    assert read(first + second) == read(first)


@pytest.mark.parametrize("pem", [b"", b"x", b"-" * 20_000, certificate([])[:200]])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    """Damage and excess end in the module's own error."""
    with pytest.raises(CertificateReadError):
        read(pem)


def test_serials_are_written_in_one_way() -> None:
    """A serial number is lower-case hexadecimal without leading zeros."""
    assert serial_text(0x0ABC) == "abc"
