"""Bigram Bloom filters under a key of their own record and attribute, and their Dice coefficient.

The positions of every possible bigram of a record's attribute are an AES-256-CTR keystream: its key belongs to the
attribute, its first counter block is a MAC of the record id, so no two records or attributes share any of it and
nobody without the attribute key knows a bit. Entry i (u16, little-endian, modulo the filter's size) is the position of
bigram i. One position for each bigram is enough: what more of them would hide is hidden by the record's own seed, and
they would only fill the filter. All entries are made whatever the text, so the work is the same for every record.
Filters are integers; bit p is the p-th from the least significant.
Schnell, Bachteler, Reiher: Privacy-preserving record linkage using Bloom filters (2009), here with a key per record,
which ends frequency and pattern-mining attacks.
"""

from __future__ import annotations

import sys
import threading
from array import array
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from keys.secret import Secret
from tokenizer.suite import BIGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenizer.suite import FilterSuite

KEY_SIZE: Final = 32
SEED_SIZE: Final = 16
_BIT: Final = tuple(1 << position for position in range(1024))
"""Every power of two that a filter can hold: faster than shifting."""


class FilterKey(Secret):
    """Makes the filters of one attribute; safe to share between threads.

    Args:
        key: 32 bytes.
        suite: the filter's size.
    """

    __slots__ = ("_context", "_lock", "_suite", "_zeros")

    def __init__(self, key: bytes, suite: FilterSuite) -> None:
        self._suite = suite
        self._zeros = bytes(2 * BIGRAMS)
        # A context whose counter is set anew costs a third of a new one; one thread at a time may use it.
        self._context = Cipher(AES256(key), CTR(bytes(SEED_SIZE))).encryptor()
        self._lock = threading.Lock()

    def encode(self, seed: bytes, grams: Iterable[int]) -> int:
        """Put bigrams into a filter.

        Args:
            seed: 16 bytes, a MAC of the record id.
            grams: indexes of bigrams.
        """
        positions, mask = self._positions(seed), self._suite.bits - 1
        bits = 0
        for gram in grams:
            bits |= _BIT[positions[gram] & mask]
        return bits

    def _positions(self, seed: bytes) -> Sequence[int]:
        with self._lock:
            self._context.reset_nonce(seed)
            stream = self._context.update(self._zeros)
        if sys.byteorder == "little":
            return memoryview(stream).cast("H")
        swapped = array("H", stream)
        swapped.byteswap()
        return swapped


def scatter(random: bytes, size: int) -> int:
    """Make a filter of random bits: one for each two random bytes.

    Args:
        random: an even number of bytes.
        size: of the filter, bits; a power of two.
    """
    bits = 0
    for position in memoryview(random).cast("H"):
        bits |= _BIT[position & size - 1]
    return bits


def similar(one: int, other: int, suite: FilterSuite) -> bool:
    """Say whether the Dice coefficient of two filters reaches the suite's threshold; two empty filters do not."""
    total = one.bit_count() + other.bit_count()
    # What they share, by way of what they have together: that is never empty, so no number on the way is small.
    shared = total - (one | other).bit_count()
    return 2000 * shared >= suite.threshold * total > 0
