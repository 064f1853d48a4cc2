"""Faces: the embedding under a keyed rotation, its coefficients kept in few bits ("face-hd3-1024/1").

    protect: unit vector -> zeros up to n -> HD3 rotation -> each of the n coefficients as one of 2^bits even steps
    score:   unit vector -> the same rotation -> cosine with the middles of the steps that are stored

n * bits is 1,024 whatever the extractor, so the shorter an embedding, the finer its steps. The probe is not rounded:
the verifier has it in clear, and rounding it would cost accuracy and hide nothing. The steps are those that lose least
of a normal value (Max 1960, "Quantizing for minimum distortion"), since a rotated coefficient is nearly normal with
variance 1/n. The bits are the same on every machine: all sums over an embedding are of whole numbers below 2^53, and
the rotation adds and subtracts binary32 numbers in a fixed order (docs/formats/template.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from tokenizer.biometrics.rotation import Rotation
from tokenizer.biometrics.scheme import Suite, TemplateError
from tokenizer.biometrics.template import FACE, FaceTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey

_WHOLE: Final = float(1 << 20)
"""The largest element of an embedding becomes this: 512 squares of it stay below 2^53."""

PreparedFace: TypeAlias = "NDArray[np.float32]"
"""A unit vector [d]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How coefficients are kept.

    Attributes:
        size: n, coefficients of the rotation; for embeddings of at most as many elements.
        bits: of a coefficient.
        step: width of a step, in standard deviations of a coefficient.
    """

    size: int
    bits: int
    step: float


SHAPES: Final = (
    Shape(size=128, bits=8, step=0.0308),
    Shape(size=256, bits=4, step=0.3352),
    Shape(size=512, bits=2, step=0.9957),
)


class FaceScheme:
    """Protects embeddings of 1 to 512 elements.

    Two are compared only if they have equally many. A reference does not say how many it was made of, so whoever
    enrols or compares sees to it, by the extractor's calibration (`template.has_elements`).
    """

    suite: Suite = Suite(name="face-hd3-1024/1", number=1, modality=FACE, size=128)

    def prepare(self, template: object) -> PreparedFace:
        """Scale an embedding to length 1.

        Raises:
            TemplateError: it is none.
        """
        if not isinstance(template, FaceTemplate):
            raise TemplateError("a face is compared by an embedding")
        return unit(template.vector)

    def protect(
        self, prepared: PreparedFace, key: TemplateKey, *, random: Callable[[int], bytes] = os.urandom
    ) -> bytes:
        """Make a reference, 128 bytes; nothing in it is random but the key."""
        del random
        shape = shape_of(prepared)
        steps = np.float32(1 / shape.step) * np.float32(np.sqrt(shape.size))
        half = 1 << (shape.bits - 1)
        levels = np.clip(np.floor(_turned(prepared, key, shape) * steps), -half, half - 1) + half
        digits = np.unpackbits(levels.astype(np.uint8)[:, np.newaxis], axis=1)
        return np.packbits(digits[:, -shape.bits :]).tobytes()

    def score(self, prepared: PreparedFace, key: TemplateKey, reference: bytes) -> float:
        """Compare: (1 + cosine) / 2."""
        shape = shape_of(prepared)
        digits = np.unpackbits(np.frombuffer(reference, dtype=np.uint8)).reshape(shape.size, shape.bits)
        places = 1 << np.arange(shape.bits)[::-1]
        middles = (2 * (digits @ places) + 1 - (1 << shape.bits)).astype(np.float32)
        cosine = _turned(prepared, key, shape) @ middles / np.sqrt(middles @ middles)
        return min(1.0, max(0.0, (1 + float(cosine)) / 2))


def fuse(templates: Sequence[FaceTemplate]) -> FaceTemplate:
    """Make one embedding of several captures of a face: the mean of their unit vectors.

    Raises:
        TemplateError: there are none, one is no embedding, their lengths differ, or they cancel out.
    """
    if not templates:
        raise TemplateError("no capture of a face is there to be fused")
    units = [unit(template.vector) for template in templates]
    if len({len(each) for each in units}) != 1:
        raise TemplateError("embeddings that are fused have equally many elements")
    total = np.zeros(len(units[0]), dtype=np.float64)
    for each in units:  # one after the other, so that the sum is the same on every machine
        total += each
    if float(np.abs(total).max()) < len(units) / _WHOLE:
        raise TemplateError("the captures of a face contradict each other")
    return FaceTemplate(vector=unit(total))


def unit(vector: NDArray[np.floating]) -> PreparedFace:
    """Scale an embedding to length 1, the same on every machine.

    Raises:
        TemplateError: it has no or too many elements, one is not finite, or all are zero.
    """
    given = np.asarray(vector, dtype=np.float64)
    if given.ndim != 1 or not 1 <= len(given) <= SHAPES[-1].size:
        raise TemplateError("an embedding has 1 to 512 elements in one row")
    if not np.isfinite(given).all():
        raise TemplateError("an embedding has an element that is not a finite number")
    largest = float(np.abs(given).max())
    if largest == 0:
        raise TemplateError("an embedding has an element that is not zero")
    whole = np.rint(given / largest * _WHOLE)
    scaled: NDArray[np.float64] = whole / np.sqrt(whole @ whole)
    return scaled.astype(np.float32)


def shape_of(prepared: PreparedFace) -> Shape:
    """Pick the smallest shape that an embedding fits in."""
    return next(shape for shape in SHAPES if len(prepared) <= shape.size)


def _turned(prepared: PreparedFace, key: TemplateKey, shape: Shape) -> NDArray[np.float32]:
    return Rotation.of(key, size=shape.size, blocks=1).rotate(prepared)
