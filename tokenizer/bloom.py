"""Bigram Bloom filters under a key of their own record and attribute, and their Dice coefficient.

The positions of every possible bigram are an AES-256-CTR keystream under the filter key: entry i of `hashes` u16
(big-endian) each belongs to bigram i. So the work to expand a key is the same for every record, and two records'
filters have nothing in common. Filters are integers; bit p is the p-th from the least significant.
Schnell, Bachteler, Reiher: Privacy-preserving record linkage using Bloom filters (2009), with a key per record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tokenizer.suite import BIGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenizer.suite import FilterSuite

KEY_SIZE: Final = 32
_START: Final = bytes(16)
_ZEROS: Final = {hashes: bytes(2 * hashes * BIGRAMS) for hashes in (1, 2, 3, 4)}


def encode(key: bytes, grams: Iterable[int], suite: FilterSuite) -> int:
    """Put bigrams into a filter.

    Args:
        key: the filter key, 32 bytes.
        grams: indexes of bigrams.
        suite: size and hash count.
    """
    stream = Cipher(AES256(key), CTR(_START)).encryptor().update(_ZEROS[suite.hashes])
    mask = suite.bits - 1
    bits = 0
    if suite.hashes == 2:  # noqa: PLR2004 - the common case without an inner loop
        for gram in grams:
            at = gram << 2
            bits |= 1 << ((stream[at] << 8 | stream[at + 1]) & mask)
            bits |= 1 << ((stream[at + 2] << 8 | stream[at + 3]) & mask)
        return bits
    width = 2 * suite.hashes
    for gram in grams:
        for at in range(gram * width, gram * width + width, 2):
            bits |= 1 << ((stream[at] << 8 | stream[at + 1]) & mask)
    return bits


def similar(one: int, other: int, suite: FilterSuite) -> bool:
    """Say whether the Dice coefficient of two filters reaches the suite's threshold; two empty filters do not."""
    total = one.bit_count() + other.bit_count()
    return 2000 * (one & other).bit_count() >= suite.threshold * total > 0
