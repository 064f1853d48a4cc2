"""Boxes that one person's key opens: HPKE (RFC 9180, base mode), made by whoever has the public key.

`0x01 | enc 32 | ciphertext | tag 16`, suite DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The info binds a
box to what it belongs to, so that it opens nowhere else. Assumes the extra `sealing` (cryptography).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from padan.errors import SealingError

FORMAT: Final = b"\x01"
ALGORITHM: Final = "X25519"
KEY_SIZE: Final = 32
OVERHEAD: Final = 1 + 32 + 16
"""Bytes of a box beside what it holds."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def key_id(public_key: bytes) -> str:
    """Name an X25519 public key by its thumbprint (RFC 7638, RFC 8037), base64url."""
    spelt = base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()
    members = f'{{"crv":"{ALGORITHM}","kty":"OKP","x":"{spelt}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def seal(plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
    """Seal to a public key, 32 bytes.

    Raises:
        SealingError: reason "key": the key is not usable.
    """
    try:
        recipient = X25519PublicKey.from_public_bytes(public_key)
        return FORMAT + _SUITE.encrypt(plaintext, recipient, info=info)
    except ValueError:
        raise SealingError("the key to seal to is not a usable X25519 key", reason="key") from None


def public_key_of(pem: bytes) -> bytes:
    """Read a public key out of SubjectPublicKeyInfo in PEM (RFC 8410); gives 32 bytes.

    Raises:
        SealingError: reason "key": no such key.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, X25519PublicKey):
        raise SealingError("no public X25519 key", reason="key")
    return key.public_bytes_raw()


class Recipient:
    """Opens boxes. Holds a private key: its repr shows none and it refuses pickling.

    Attributes:
        public_key: 32 bytes.
        key_id: its thumbprint.
    """

    __slots__ = ("_private", "key_id", "public_key")

    def __init__(self, private_key: bytes | bytearray) -> None:
        """Take a private key, 32 bytes.

        Raises:
            SealingError: reason "key": another size.
        """
        if len(private_key) != KEY_SIZE:
            raise SealingError("an X25519 private key has 32 bytes", reason="key")
        self._private = X25519PrivateKey.from_private_bytes(private_key)  # copies it; ours would stay behind
        self.public_key = self._private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    @classmethod
    def make(cls) -> Self:
        """Make a private key."""
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a private key: PKCS #8 in PEM (RFC 8410), as `openssl genpkey -algorithm x25519` writes it.

        Raises:
            SealingError: reason "key": no such key, or with a passphrase.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, X25519PrivateKey):
            raise SealingError("no private X25519 key without a passphrase", reason="key")
        return cls(key.private_bytes_raw())

    def pems(self) -> tuple[bytes, bytes]:
        """Write the private key (PKCS #8) and the public key (SubjectPublicKeyInfo), in PEM."""
        private = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return private, public

    def open(self, box: bytes, *, info: bytes) -> bytes:
        """Open a box.

        Raises:
            SealingError: reason "box": of another format, changed, for another key, or out of another place.
        """
        try:
            if box[:1] == FORMAT and len(box) > OVERHEAD:
                return _SUITE.decrypt(box[1:], self._private, info=info)
        except (InvalidTag, ValueError):
            pass
        raise SealingError("the box does not open with this key, or belongs elsewhere", reason="box")

    def __repr__(self) -> str:
        return f"Recipient(key_id={self.key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Recipient holds a key and is not pickled")
