"""A keyed rotation without a matrix: three rounds of sign flip, permutation and Hadamard transform ("HD3").

    for block b, round t:  z <- H((z * signs(byte b | byte t | "B"))[permutation(byte b | byte t | "P")]) / sqrt(n)

Each block is exactly orthogonal, so lengths and angles stay what they are, and n log n additions take the place of a
matrix of n by n (Ailon and Chazelle 2009; Choromanski et al. 2017 for three rounds of HD). Several blocks give several
independent rotations of one vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from tokenizer.biometrics import expansion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey

ROUNDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rotation:
    """Rotations of vectors of one size.

    Attributes:
        signs: [blocks, 3, n] of 1 and -1, float32.
        orders: [blocks, 3, n], each row a permutation.
    """

    signs: NDArray[np.float32]
    orders: NDArray[np.intp]

    @classmethod
    def of(cls, key: TemplateKey, *, size: int, blocks: int) -> Self:
        """Draw them.

        Args:
            key: of the enrolment.
            size: n, a power of two.
            blocks: how many, at most 256.
        """
        tags = [[bytes((block, turn)) for turn in range(ROUNDS)] for block in range(blocks)]
        return cls(
            signs=np.array([[expansion.signs(key, tag + b"B", size) for tag in row] for row in tags]),
            orders=np.array([[expansion.permutation(key, tag + b"P", size) for tag in row] for row in tags]),
        )

    def rotate(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotate vectors [..., d] with d at most n, by every block: [..., blocks * n]; what lacks counts as zero."""
        blocks, _, size = self.signs.shape
        *front, given = vectors.shape
        padded = np.zeros((*front, size), dtype=np.float32)
        padded[..., :given] = vectors
        turned = [self._turn(padded, block) for block in range(blocks)]
        return np.concatenate(turned, axis=-1)

    def _turn(self, vectors: NDArray[np.float32], block: int) -> NDArray[np.float32]:
        for turn in range(ROUNDS):
            vectors = hadamard((vectors * self.signs[block, turn])[..., self.orders[block, turn]])
        return vectors


def hadamard(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the orthonormal Walsh-Hadamard transform, in Sylvester's order, to the last axis, a power of two."""
    *front, size = vectors.shape
    out = vectors
    half = 1
    while half < size:
        pairs = out.reshape(*front, size // (2 * half), 2, half)
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        out = np.stack((first + second, first - second), axis=-2).reshape(*front, size)
        half *= 2
    return out / np.float32(np.sqrt(size))
