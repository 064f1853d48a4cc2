"""Ed25519 signatures (RFC 8032) by PyNaCl, and the key ids that the outside sees: RFC 7638 thumbprints.

Guarantees: a signature is checked by a function that raises; it never returns a bool. libsodium refuses
points of small order and non-canonical scalars. Signing 64-byte messages takes about 15 microseconds,
checking about 39.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, Protocol

from nacl import bindings
from nacl.exceptions import BadSignatureError

from keys.errors import KeyUseError, SignatureError
from keys.secret import Material, Secret
from padan.signature import thumbprint as _thumbprint

if TYPE_CHECKING:
    from keys.meter import Tick

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(public_key: bytes) -> str:
    """Compute a public key's id: base64url(SHA-256) of its JWK members in RFC 7638's order, 43 characters.

    Raises:
        KeyUseError: the key is not 32 bytes.
    """
    if len(public_key) != PUBLIC_SIZE:
        raise KeyUseError("an Ed25519 public key has 32 bytes")
    return _thumbprint(public_key)


def jwk(public_key: bytes) -> dict[str, str]:
    """Write a public key as a JWK (RFC 8037) with its thumbprint as `kid`.

    Raises:
        KeyUseError: the key is not 32 bytes.
    """
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _base64url(public_key),
        "use": "sig",
        "alg": "Ed25519",
        "kid": thumbprint(public_key),
    }


def require_point(public_key: bytes) -> None:
    """See that somebody can sign with a public key: a canonical point of the group's prime order (RFC 8032).

    Raises:
        KeyUseError: it is none.
    """
    if len(public_key) != PUBLIC_SIZE or not bindings.crypto_core_ed25519_is_valid_point(public_key):
        raise KeyUseError("nobody can sign with this Ed25519 public key")


def public_of(seed: bytes | bytearray) -> bytes:
    """Compute the 32-byte public key of a 32-byte private key (RFC 8032's seed).

    Raises:
        KeyUseError: the seed is not 32 bytes.
    """
    if len(seed) != SEED_SIZE:
        raise KeyUseError("an Ed25519 private key has 32 bytes")
    return bindings.crypto_sign_seed_keypair(bytes(seed))[0]


class Signing(Protocol):
    """What signs with one Ed25519 key: a `Signer`, or the keys of a person."""

    @property
    def key_id(self) -> str:
        """The key's thumbprint."""
        ...

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign a message: 64 bytes."""
        ...


class Signer(Secret):
    """An Ed25519 private key; safe to share between threads, signs without the interpreter's lock.

    Args:
        seed: 32 bytes; copied.
        ring_id: the number of the key in its keyring, 0 where it comes from none.
        tick: counts each signature.

    Raises:
        KeyUseError: the seed is not 32 bytes.
    """

    __slots__ = ("_expanded", "_tick", "key_id", "public_key", "ring_id")

    def __init__(self, seed: bytes | bytearray, *, ring_id: int = 0, tick: Tick | None = None) -> None:
        if len(seed) != SEED_SIZE:
            raise KeyUseError("an Ed25519 private key has 32 bytes")
        public, expanded = bindings.crypto_sign_seed_keypair(bytes(seed))
        self._expanded = Material(expanded)
        self.public_key: bytes = public
        """32 bytes."""
        self.key_id: str = thumbprint(public)
        """The thumbprint, 43 characters of base64url."""
        self.ring_id = ring_id
        self._tick = tick

    def sign(self, message: bytes) -> bytes:
        """Sign a message: 64 bytes, the same for the same message."""
        if self._tick is not None:
            self._tick()
        return bindings.crypto_sign(message, bytes(self._expanded.view()))[:SIGNATURE_SIZE]

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a JWK."""
        return jwk(self.public_key)


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature.

    Raises:
        SignatureError: wrong size, or the signature is not this key's over this message.
    """
    if len(public_key) != PUBLIC_SIZE or len(signature) != SIGNATURE_SIZE:
        raise SignatureError("a public key has 32 bytes and a signature 64")
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except BadSignatureError as error:
        raise SignatureError("the signature does not verify under this key") from error
