"""Ed25519 signatures and key ids."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from keys.errors import KeyUseError, SignatureError
from keys.signing import Signer, jwk, public_of, thumbprint, verify


def test_signatures_are_the_published_ones(published: dict[str, Any]) -> None:
    """RFC 8032's tests come out as published, and verify."""
    for case in published["ed25519"]["cases"]:
        signer = Signer(bytes.fromhex(case["seed"]))
        message = bytes.fromhex(case["message"])
        assert signer.public_key.hex() == case["public"] == public_of(bytes.fromhex(case["seed"])).hex()
        assert signer.sign(message).hex() == case["signature"]
        verify(signer.public_key, message, bytes.fromhex(case["signature"]))


def test_key_ids_are_the_published_and_golden_ones(published: dict[str, Any], golden: dict[str, Any]) -> None:
    """RFC 8037's thumbprint and ours come out as written."""
    for case in published["jwk_thumbprint"]["cases"] + golden["thumbprints"]:
        assert thumbprint(bytes.fromhex(case["public"])) == case["thumbprint"]


def test_another_library_reads_our_jwk_and_agrees_on_its_id() -> None:
    """A JOSE library takes our JWK and computes the same thumbprint."""
    signer = Signer(bytes(range(32)), ring_id=7)
    key = OKPKey.import_key(dict(signer.jwk.items()))
    assert key.thumbprint() == signer.key_id == signer.jwk["kid"]
    assert jwk(signer.public_key) == signer.jwk
    assert signer.ring_id == 7


@given(st.binary(max_size=200), st.data())
def test_any_change_of_message_signature_or_key_is_refused(message: bytes, data: st.DataObject) -> None:
    """One flipped bit in any of the three does not verify."""
    signer = Signer(hashlib.sha256(message).digest())
    parts = {
        "public_key": signer.public_key,
        "message": message + b"!",
        "signature": signer.sign(message + b"!"),
    }
    verify(**parts)
    name = data.draw(st.sampled_from(sorted(parts)))
    bit = data.draw(st.integers(0, 8 * len(parts[name]) - 1))
    changed = bytearray(parts[name])
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureError):
        verify(**{**parts, name: bytes(changed)})


def test_a_public_key_of_small_order_signs_nothing() -> None:
    """The identity as a public key, under which R = B, S = 1 would otherwise verify for any message, is refused."""
    identity = b"\x01" + bytes(31)
    with pytest.raises(SignatureError):
        verify(identity, b"anything", identity + bytes(32))


@pytest.mark.parametrize(("public", "signature"), [(31, 64), (33, 64), (32, 63), (32, 65), (32, 0)])
def test_wrong_sizes_are_refused(public: int, signature: int) -> None:
    """A signature of another size is none."""
    with pytest.raises(SignatureError, match="bytes"):
        verify(bytes(public), b"", bytes(signature))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_of_another_size_are_refused(size: int) -> None:
    """Seeds and public keys have 32 bytes."""
    for use in (Signer, public_of, thumbprint):
        with pytest.raises(KeyUseError, match="32 bytes"):
            use(bytes(size))
