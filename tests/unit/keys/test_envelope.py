"""Period envelopes, against an HPKE of our own writing that passes RFC 9180's vector."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from keys.envelope import SIZE, generate, open_period, parse_key, public_of, seal_period
from keys.errors import EnvelopeError, KeyUseError
from keys.realm import Realm

REALM = Realm(registry_id="registry-test", environment="development")
PERIOD, KEY = bytes(range(16)), bytes(range(100, 132))


def labelled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """RFC 9180 section 4: LabeledExtract."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def labelled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """RFC 9180 section 4: LabeledExpand, one block."""
    return hmac.digest(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")[
        :size
    ]


def context(
    enc: bytes, private: bytes, info: bytes, *, aead: int, key_size: int
) -> tuple[bytes, bytes, bytes]:
    """RFC 9180 sections 4.1 and 5.1, base mode, receiving: shared secret, key, base nonce."""
    secret = X25519PrivateKey.from_private_bytes(private)
    kem = b"KEM\x00\x20"
    dh = secret.exchange(X25519PublicKey.from_public_bytes(enc))
    prk = labelled_extract(kem, b"", b"eae_prk", dh)
    shared = labelled_expand(kem, prk, b"shared_secret", enc + secret.public_key().public_bytes_raw(), 32)
    suite = b"HPKE\x00\x20\x00\x01" + aead.to_bytes(2, "big")
    schedule = (
        b"\x00"
        + labelled_extract(suite, b"", b"psk_id_hash", b"")
        + labelled_extract(suite, b"", b"info_hash", info)
    )
    main = labelled_extract(suite, shared, b"secret", b"")
    key = labelled_expand(suite, main, b"key", schedule, key_size)
    return shared, key, labelled_expand(suite, main, b"base_nonce", schedule, 12)


def test_the_second_hpke_passes_the_published_vector(published: dict[str, Any]) -> None:
    """What the envelopes are compared with is RFC 9180's own HPKE."""
    for case in published["hpke"]["cases"]:
        data = {name: bytes.fromhex(value) for name, value in case.items()}
        shared, key, nonce = context(
            data["enc"], data["recipient_private"], data["info"], aead=1, key_size=16
        )
        assert (shared, key, nonce) == (data["shared_secret"], data["key"], data["base_nonce"])
        assert AESGCM(key).decrypt(nonce, data["ciphertext"], data["aad"]) == data["plaintext"]
        assert public_of(data["recipient_private"]) == data["recipient_public"]


def test_an_envelope_is_hpke_to_the_byte() -> None:
    """Another HPKE opens our envelope: format, period id, enc, ciphertext, info as documented."""
    private, public = generate()
    envelope = seal_period(KEY, period_id=PERIOD, realm=REALM, auditors_key=public)
    assert (len(envelope), envelope[0], envelope[1:17]) == (SIZE, 1, PERIOD)
    info = REALM.label("period-envelope") + PERIOD
    _, key, nonce = context(envelope[17:49], private, info, aead=2, key_size=32)
    assert AESGCM(key).decrypt(nonce, envelope[49:], b"") == KEY
    assert open_period(envelope, realm=REALM, private_key=private) == (PERIOD, KEY)


def test_a_flipped_bit_anywhere_does_not_open() -> None:
    """Format, period id, enc and ciphertext are all bound."""
    private, public = generate()
    envelope = seal_period(KEY, period_id=PERIOD, realm=REALM, auditors_key=public)
    for bit in range(8 * len(envelope)):
        if bit == 8 * 49 - 1:
            continue  # X25519 ignores the top bit of a point (RFC 7748), but HPKE hashes it: tested below
        changed = bytearray(envelope)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EnvelopeError):
            open_period(bytes(changed), realm=REALM, private_key=private)


def test_the_ignored_bit_of_a_point_is_bound_too() -> None:
    """The one bit of enc that X25519 ignores is part of the shared secret's context."""
    private, public = generate()
    changed = bytearray(seal_period(KEY, period_id=PERIOD, realm=REALM, auditors_key=public))
    changed[48] ^= 0x80
    with pytest.raises(EnvelopeError):
        open_period(bytes(changed), realm=REALM, private_key=private)


def test_another_key_or_realm_does_not_open() -> None:
    """An envelope belongs to one auditors' key and one registry in one environment."""
    private, public = generate()
    envelope = seal_period(KEY, period_id=PERIOD, realm=REALM, auditors_key=public)
    with pytest.raises(EnvelopeError):
        open_period(envelope, realm=REALM, private_key=generate()[0])
    with pytest.raises(EnvelopeError):
        open_period(
            envelope, realm=Realm(registry_id="other", environment="development"), private_key=private
        )


@given(st.binary(max_size=120))
def test_garbage_is_refused(data: bytes) -> None:
    """Whatever the bytes, an envelope that is none is EnvelopeError."""
    with pytest.raises(EnvelopeError):
        open_period(data, realm=REALM, private_key=bytes(range(32)))


@pytest.mark.parametrize(
    ("key", "period", "auditors"),
    [(31, 16, 32), (32, 15, 32), (32, 16, 31)],
)
def test_wrong_sizes_are_refused(key: int, period: int, auditors: int) -> None:
    """A period has a 16-byte id and a 32-byte key, and so has the auditors' key."""
    with pytest.raises(KeyUseError):
        seal_period(bytes(key), period_id=bytes(period), realm=REALM, auditors_key=bytes(auditors))


def test_a_public_key_of_small_order_is_refused() -> None:
    """Sealing to a point whose shared secret everybody knows is refused."""
    with pytest.raises(KeyUseError, match="not a usable"):
        seal_period(KEY, period_id=PERIOD, realm=REALM, auditors_key=bytes(32))


def test_a_private_key_of_another_size_is_refused() -> None:
    """An X25519 key has 32 bytes."""
    with pytest.raises(KeyUseError, match="32 bytes"):
        open_period(bytes(SIZE), realm=REALM, private_key=bytes(31))
    with pytest.raises(KeyUseError, match="32 bytes"):
        public_of(bytes(33))


@pytest.mark.parametrize("text", ["", "AA==", "not base64!", base64.b64encode(bytes(33)).decode(), "é"])
def test_a_key_in_another_spelling_is_refused(text: str) -> None:
    """Keys in settings are standard base64 of 32 bytes."""
    with pytest.raises(KeyUseError, match="base64"):
        parse_key(text)


def test_a_key_file_reads_with_its_line_feed() -> None:
    """What the key generator writes is what is read."""
    key = hashlib.sha256(b"x").digest()
    assert parse_key(base64.b64encode(key).decode() + "\n") == key
