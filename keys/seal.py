"""AES-256-GCM boxes with random nonces, counted per key (NIST SP 800-38D, section 8.3).

A box is `nonce 12 | ciphertext | tag 16`: 28 bytes more than its content. `RingSeal` puts `0x01 | u32 key id`
before it, the prefix that Tink writes, where boxes of several keys of a keyring meet; those are 33 bytes
more. With 96 random bits a key may seal 2^32 boxes. Every writer counts its own; the caller adds up the
writers and starts each with what is on record, so that the sum alarms at 2^31 and refuses at 2^32.
"""

from __future__ import annotations

import struct
from itertools import count
from os import urandom
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.errors import KeyStateError, KeyUseError, OpenError, SealCountError
from keys.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.meter import Tick

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
OVERHEAD: Final = NONCE_SIZE + TAG_SIZE
SEALS_ALARM: Final = 2**31
SEALS_LIMIT: Final = 2**32

_RING_PREFIX = struct.Struct(">BI")
RING_PREFIX_BYTE: Final = 1
RING_OVERHEAD: Final = _RING_PREFIX.size + OVERHEAD


class SealKey(Secret):
    """An AES-256-GCM key; safe to share between threads.

    Args:
        key: 32 bytes.
        key_id: the number in the keyring of the key that this one is, or is derived from.
        sealed: boxes that this key has sealed before, by all writers.
        may_seal: False for a key that only reads what it once sealed.
        on_seal: counts each box that is sealed.
        on_open: counts each box that opens.

    Raises:
        KeyUseError: the key is not 32 bytes.
    """

    __slots__ = ("_count", "_decrypt", "_encrypt", "_last", "_may_seal", "_on_open", "_on_seal", "key_id")

    def __init__(
        self,
        key: bytes | bytearray,
        *,
        key_id: int = 0,
        sealed: int = 0,
        may_seal: bool = True,
        on_seal: Tick | None = None,
        on_open: Tick | None = None,
    ) -> None:
        if len(key) != KEY_SIZE:
            raise KeyUseError("a seal key has 32 bytes")
        cipher = AESGCM(key)
        self.key_id = key_id
        self._encrypt, self._decrypt = cipher.encrypt, cipher.decrypt
        self._last = sealed
        self._count = count(sealed + 1)  # next() on it is one step under threads, where "+= 1" is not
        self._may_seal = may_seal
        self._on_seal, self._on_open = on_seal, on_open

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Seal a plaintext: nonce 12 | ciphertext | tag 16.

        Args:
            plaintext: what is hidden; its length shows.
            aad: what is bound but not stored; the same bytes open the box.

        Raises:
            SealCountError: the key has sealed 2^32 boxes.
            KeyStateError: the key only opens.
        """
        if not self._may_seal:
            raise KeyStateError("the key is not active: it opens what it sealed and seals nothing new")
        number = next(self._count)
        if number > SEALS_LIMIT:
            raise SealCountError("the key has sealed 2^32 boxes; rotate to a new key")
        self._last = number
        if self._on_seal is not None:
            self._on_seal()
        nonce = urandom(NONCE_SIZE)
        return nonce + self._encrypt(nonce, plaintext, aad)

    def seal_many(self, plaintexts: Sequence[bytes], aads: Sequence[bytes]) -> list[bytes]:
        """Seal plaintexts, each with its own nonce and associated data; all nonces are drawn at once.

        Raises:
            SealCountError: the key would have sealed more than 2^32 boxes; none is sealed.
            KeyStateError: the key only opens.
        """
        if not self._may_seal:
            raise KeyStateError("the key is not active: it opens what it sealed and seals nothing new")
        number = self._last
        for _ in plaintexts:
            number = next(self._count)
        self._last = max(self._last, number)
        if plaintexts and number > SEALS_LIMIT:
            raise SealCountError("the key has sealed 2^32 boxes; rotate to a new key")
        if self._on_seal is not None:
            for _ in plaintexts:
                self._on_seal()
        drawn, encrypt = urandom(NONCE_SIZE * len(plaintexts)), self._encrypt
        return [
            (nonce := drawn[at * NONCE_SIZE : (at + 1) * NONCE_SIZE]) + encrypt(nonce, plaintext, aad)
            for at, (plaintext, aad) in enumerate(zip(plaintexts, aads, strict=True))
        ]

    def open(self, box: bytes, aad: bytes) -> bytes:
        """Open a box.

        Raises:
            OpenError: shorter than 28 bytes, changed, or sealed under another key or other associated data.
        """
        try:
            plain = self._decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], aad)
        except (InvalidTag, ValueError) as error:
            raise OpenError("a sealed box does not open: changed, or not of this key and place") from error
        if self._on_open is not None:
            self._on_open()
        return plain

    @property
    def sealed(self) -> int:
        """Boxes sealed under the key: what was on record at the start, and what this object added."""
        return min(self._last, SEALS_LIMIT)

    @property
    def alarm(self) -> bool:
        """Whether half of what the key may seal is spent."""
        return self._last >= SEALS_ALARM


class RingSeal(Secret):
    """Seals with one key and opens with any of several, by the key id before each box.

    Args:
        primary: the key that seals.
        readers: every key that opens, by key id, the primary among them.
    """

    __slots__ = ("_prefix", "_primary", "_readers")

    def __init__(self, *, primary: SealKey, readers: Mapping[int, SealKey]) -> None:
        self._primary = primary
        self._readers = dict(readers)
        self._prefix = _RING_PREFIX.pack(RING_PREFIX_BYTE, primary.key_id)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Seal: 0x01 | u32 key id | nonce 12 | ciphertext | tag 16.

        Raises:
            SealCountError: the key has sealed 2^32 boxes.
        """
        return self._prefix + self._primary.seal(plaintext, aad)

    def open(self, box: bytes, aad: bytes) -> bytes:
        """Open a box of any key at hand.

        Raises:
            OpenError: unknown format or key, changed, or other associated data.
        """
        if len(box) < RING_OVERHEAD or box[0] != RING_PREFIX_BYTE:
            raise OpenError("a sealed box is too short or of an unknown format")
        _, key_id = _RING_PREFIX.unpack_from(box)
        reader = self._readers.get(key_id)
        if reader is None:
            raise OpenError("a sealed box names a key that is not in the keyring, or no longer")
        return reader.open(box[_RING_PREFIX.size :], aad)

    @property
    def key_id(self) -> int:
        """Number of the key that seals."""
        return self._primary.key_id

    @property
    def sealed(self) -> int:
        """Boxes sealed under the sealing key."""
        return self._primary.sealed

    @property
    def alarm(self) -> bool:
        """Whether half of what the sealing key may seal is spent."""
        return self._primary.alarm
