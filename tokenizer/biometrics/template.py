"""Templates as they are compared: arrays of one convention, whatever record or message they came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from padan.biometric.template import FACE, FINGER, IRIS

__all__ = [
    "FACE",
    "FINGER",
    "IRIS",
    "MODALITIES",
    "FaceTemplate",
    "FingerTemplate",
    "IrisTemplate",
    "Template",
    "elements_of",
    "has_elements",
]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODALITIES: Final = (FACE, FINGER, IRIS)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FaceTemplate:
    """An embedding.

    Attributes:
        vector: float32 [d], finite and not all zero, of any length; d is 1 to 512.
    """

    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FingerTemplate:
    """Minutiae of one impression of one finger.

    Attributes:
        minutiae: float32 [n, 4]: x and y in pixels at 500 dpi, y downwards; angle in radians, counter-clockwise from
            the x axis, along the ridge from the minutia's tail (ISO/IEC 19794-2); quality 0 to 1.
    """

    minutiae: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IrisTemplate:
    """An iris code.

    Attributes:
        code: uint8 [64, 256] of 0 and 1; the columns go around the pupil, row filter * 32 + ring * 2 + part is of one
            of two filters, of a ring, the innermost one first, and of the real or the imaginary part.
        mask: the same, 1 where the bit of the code counts.
    """

    code: NDArray[np.uint8]
    mask: NDArray[np.uint8]


Template: TypeAlias = FaceTemplate | FingerTemplate | IrisTemplate


def elements_of(template: Template) -> int | None:
    """Count the elements of an embedding; None of a finger or an iris, whose templates are all of one shape."""
    return len(template.vector) if isinstance(template, FaceTemplate) else None


def has_elements(template: Template, calibrated: int | None) -> bool:
    """Say whether a template has as many elements as its extractor was calibrated on; yes where that is not known."""
    return calibrated is None or elements_of(template) == calibrated
