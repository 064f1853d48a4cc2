"""One block of AES-256 as a permutation of 16-byte record ids: the stored token of the vault's outer layer.

Guarantees: a bijection, so distinct ids never collide and nothing but equality shows. Assumes that the input
is a PRF's output, used once per id and key and for nothing else; only then is a bare block (FIPS 197, ECB of
independent blocks) sound. The way back is for rotations alone: a row that is nobody's any longer holds a random id,
so only its token says under which id it stands.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from keys.errors import KeyUseError
from keys.secret import Secret

if TYPE_CHECKING:
    from keys.meter import Tick

BLOCK_SIZE: Final = 16
KEY_SIZE: Final = 32


class BlockKey(Secret):
    """An AES-256 key that turns record ids into stored tokens; safe to share between threads.

    Args:
        key: 32 bytes.
        key_id: the number in the keyring of the key that this one is derived from.
        tick: counts each block.

    Raises:
        KeyUseError: the key is not 32 bytes.
    """

    __slots__ = ("_cipher", "_lock", "_tick", "_update", "key_id")

    def __init__(self, key: bytes | bytearray, *, key_id: int = 0, tick: Tick | None = None) -> None:
        if len(key) != KEY_SIZE:
            raise KeyUseError("a block key has 32 bytes")
        self.key_id = key_id
        self._tick = tick
        # Each block stands alone and the context never holds half of one, so one context serves for ever.
        self._cipher = Cipher(AES256(key), ECB())  # noqa: S305 - see the module's docstring
        self._update = self._cipher.encryptor().update
        # The context refuses to be entered twice; without the interpreter's lock two threads could.
        self._lock = threading.Lock()

    def encrypt(self, block: bytes) -> bytes:
        """Encrypt one 16-byte record id.

        Raises:
            KeyUseError: not 16 bytes.
        """
        if len(block) != BLOCK_SIZE:
            raise KeyUseError("a record id has 16 bytes")
        self._count(1)
        with self._lock:
            return self._update(block)

    def encrypt_many(self, blocks: bytes) -> bytes:
        """Encrypt many record ids, joined; the tokens come back joined in the same order.

        Raises:
            KeyUseError: not a multiple of 16 bytes.
        """
        if len(blocks) % BLOCK_SIZE:
            raise KeyUseError("record ids have 16 bytes each")
        self._count(len(blocks) // BLOCK_SIZE)
        with self._lock:
            return self._update(blocks)

    def decrypt_many(self, blocks: bytes) -> bytes:
        """Give the record ids back of many stored tokens, joined, in the same order.

        Raises:
            KeyUseError: not a multiple of 16 bytes.
        """
        if len(blocks) % BLOCK_SIZE:
            raise KeyUseError("stored tokens have 16 bytes each")
        self._count(len(blocks) // BLOCK_SIZE)
        return self._cipher.decryptor().update(blocks)

    def _count(self, blocks: int) -> None:
        tick = self._tick
        if tick is not None:
            for _ in range(blocks):
                tick()
