"""What a suite draws from the key of an enrolment: signs and permutations, portable to the bit.

Every use has a tag of its own. Signs are the bits of the stream, the first one highest; a permutation is the order of
n u64 (little-endian) of the stream, equal ones in the order in which they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey


def bits(key: TemplateKey, tag: bytes, count: int) -> NDArray[np.uint8]:
    """Draw bits: an array of 0 and 1."""
    stream = np.frombuffer(key.stream(tag, -(-count // 8)), dtype=np.uint8)
    return np.unpackbits(stream, count=count)


def signs(key: TemplateKey, tag: bytes, count: int) -> NDArray[np.float32]:
    """Draw signs: 1 where the bit is 0, -1 where it is 1."""
    return np.float32(1) - np.float32(2) * bits(key, tag, count)


def permutation(key: TemplateKey, tag: bytes, count: int) -> NDArray[np.intp]:
    """Draw a permutation of 0 to count - 1.

    The numbers are sorted by their four digits of 16 bits, for which numpy has a radix sort, which branches on none.
    Sorting by comparison is faster where it sorts the same numbers again, as for the samples of one enrolment under one
    key, while decoys have keys of their own: it would tell who is enrolled.
    """
    digits = np.frombuffer(key.stream(tag, 8 * count), dtype="<u2").reshape(count, 4)
    return np.lexsort(digits.T)
