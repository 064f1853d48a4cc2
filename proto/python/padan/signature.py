"""Ed25519 signatures (RFC 8032) of people who are not the service, such as auditors, and the ids of their keys.

Guarantees: a signature is checked by a function that raises; it never returns a bool. Assumes `cryptography`, which the
extras `audit` and `cli` bring.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from padan.errors import PadanError

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 32
SIZE: Final = 64


class SignatureError(PadanError, ValueError):
    """A signature does not verify, or a key is none."""


def thumbprint(public_key: bytes) -> str:
    """Compute a public key's id: base64url(SHA-256) of its JWK members in RFC 7638's order, 43 characters.

    Raises:
        SignatureError: the key is not 32 bytes.
    """
    if len(public_key) != PUBLIC_SIZE:
        raise SignatureError("an Ed25519 public key has 32 bytes")
    spelt = base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{spelt}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature.

    Raises:
        SignatureError: wrong size, or the signature is not this key's over this message.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise SignatureError("the signature does not verify under this key") from None


def public_key_of(pem: bytes) -> bytes:
    """Read a public key out of SubjectPublicKeyInfo in PEM (RFC 8410); gives 32 bytes.

    Raises:
        SignatureError: no such key.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError("no Ed25519 public key in PEM")
    return key.public_bytes_raw()


class Signer:
    """Signs. Holds a private key: its repr shows none and it refuses pickling.

    Attributes:
        public_key: 32 bytes.
        key_id: its thumbprint.
    """

    __slots__ = ("_private", "key_id", "public_key")

    def __init__(self, seed: bytes | bytearray) -> None:
        """Take RFC 8032's seed, 32 bytes.

        Raises:
            SignatureError: another size.
        """
        if len(seed) != SEED_SIZE:
            raise SignatureError("an Ed25519 private key has 32 bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(bytes(seed))
        self.public_key = self._private.public_key().public_bytes_raw()
        self.key_id = thumbprint(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Sign a message: 64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"Signer(key_id={self.key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer holds a key and is not pickled")
