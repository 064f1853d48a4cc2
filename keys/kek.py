"""The key-encryption key: what it wraps, what it vouches for, and the number it is known by.

A KEK is 32 random bytes and is never used itself. From it come, by HKDF-SHA-256 with an info of
`prefixed("padan", NAME, "1")`: the wrapping key ("kek-wrap", AES-256-GCM), the MAC key of the keyring
("kek-mac") and its id ("kek-id", 8 bytes, written in hex). Each key is wrapped with its realm, purpose and id
as associated data, so that a wrapped key that is moved or renamed does not open.
"""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING, Final

from keys.derive import hkdf
from keys.errors import KeyringIntegrityError, KeyUseError, OpenError
from keys.mac import BoundMac, MacKey
from keys.seal import SealKey
from keys.secret import Material, Secret
from padan.canonical import prefixed

if TYPE_CHECKING:
    from keys.realm import Realm

KEK_SIZE: Final = 32
_ID_SIZE: Final = 8
_number = struct.Struct(">I").pack


def _place(realm: Realm, purpose: str, key_id: int) -> bytes:
    return realm.label("keyring-key") + prefixed(purpose) + _number(key_id)


class Kek(Secret):
    """A key-encryption key.

    Args:
        key: 32 bytes; copied.

    Raises:
        KeyUseError: the key is not 32 bytes.
    """

    __slots__ = ("_mac", "_material", "_wrap", "id")

    def __init__(self, key: bytes | bytearray) -> None:
        if len(key) != KEK_SIZE:
            raise KeyUseError("a key-encryption key has 32 bytes")
        self._material = Material(key)
        self._wrap = SealKey(hkdf(key, prefixed("padan", "kek-wrap", "1")))
        self._mac = MacKey(hkdf(key, prefixed("padan", "kek-mac", "1")))
        self.id: str = hkdf(key, prefixed("padan", "kek-id", "1"), size=_ID_SIZE).hex()
        """16 hexadecimal characters; tells KEKs apart and nothing else."""

    @classmethod
    def generate(cls) -> Kek:
        """Make a new KEK."""
        return cls(secrets.token_bytes(KEK_SIZE))

    def wrap(self, material: bytes | bytearray, *, realm: Realm, purpose: str, key_id: int) -> bytes:
        """Wrap a key: nonce 12 | ciphertext | tag 16."""
        return self._wrap.seal(bytes(material), _place(realm, purpose, key_id))

    def unwrap(self, wrapped: bytes, *, realm: Realm, purpose: str, key_id: int) -> Material:
        """Unwrap a key.

        Raises:
            KeyringIntegrityError: the wrapped key was changed, moved, or wrapped under another KEK.
        """
        try:
            return Material(self._wrap.open(wrapped, _place(realm, purpose, key_id)))
        except OpenError as error:
            raise KeyringIntegrityError(f"the {purpose} key {key_id} does not unwrap") from error

    def bind(self, prefix: bytes) -> BoundMac:
        """Bind the KEK's MAC key to a construction."""
        return self._mac.bind(prefix)

    def reveal(self) -> bytearray:
        """Give the KEK's bytes to the provider that keeps it; nobody else asks."""
        return self._material.view()

    def wipe(self) -> None:
        """Zero the KEK."""
        self._material.wipe()
        self._mac.wipe()
