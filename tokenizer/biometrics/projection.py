"""Keyed rotations of vectors of whole numbers, exact to the last digit.

A rotation (HD3, `tokenizer.biometrics.rotation`) of whole numbers, left unscaled, has whole results. A vector of length
L has partial sums of at most n^1.5 L in three rounds of size n (Cauchy and Schwarz), so with L at most 2^24 / n^1.5 a
float32 holds every one of them exactly, in whatever order a library adds them: the same signs on every machine. That
allows the transform by two small matrix products, since Sylvester's matrix of 512 is the Kronecker product of those of
16 and 32.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from tokenizer.biometrics.rotation import ROUNDS, hadamard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokenizer.biometrics.rotation import Rotation

_EXACT: Final = 2**24
"""Whole numbers up to here are float32s."""


def longest(size: int) -> float:
    """Say how long a vector may be, so that its projections of this size are exact."""
    return _EXACT / math.sqrt(size**ROUNDS)


def projections(rotation: Rotation, vectors: NDArray[np.float32], *, count: int) -> NDArray[np.float32]:
    """Rotate vectors of whole numbers by the first block of a rotation, and scale by n^1.5.

    Args:
        rotation: of size n, a power of two of at least 4.
        vectors: [k, d] with d at most n, whole numbers, no longer than `longest(n)`.
        count: how many of the results are wanted: a multiple of the root of n, rounded up to a power of two.

    Returns:
        The first of each vector's n results, whole numbers, [k, count].
    """
    size = rotation.signs.shape[-1]
    right = 1 << (size.bit_length() // 2)
    left = size // right
    outer, inner = _matrix(left), _matrix(right)
    turned = np.zeros((len(vectors), size), dtype=np.float32)
    turned[:, : vectors.shape[1]] = vectors
    for turn in range(ROUNDS):
        mixed = (turned * rotation.signs[0, turn])[:, rotation.orders[0, turn]]
        rows = outer if turn < ROUNDS - 1 else outer[: count // right]
        # Products of small matrices, one a vector: a library of linear algebra starts no threads for them.
        turned = (rows @ (mixed.reshape(-1, left, right) @ inner)).reshape(len(vectors), -1)
    return turned


@functools.cache
def _matrix(size: int) -> NDArray[np.float32]:
    """Give Sylvester's matrix of 1 and -1."""
    return np.sign(hadamard(np.eye(size, dtype=np.float32)))
