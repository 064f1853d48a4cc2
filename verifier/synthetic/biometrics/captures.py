"""What devices would give of generated faces, fingers and irises: templates as probes and references are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from padan.biometric import minutiae, template
from padan.biometric.record import Capture, Minutia, Record, Standard, View
from tokenizer.biometrics.template import FingerTemplate

if TYPE_CHECKING:
    from tokenizer.biometrics.template import FaceTemplate, IrisTemplate

DPI = 500
_CM_PER_INCH = 2.54


def record(
    impression: FingerTemplate,
    *,
    standard: Standard = Standard.ISO_2005,
    position: int = 2,
    resolution: int = 197,
) -> Record:
    """Write down an impression as a device with whole pixels and whole units of angle does.

    Args:
        impression: at 500 dpi; is moved into the image.
        standard: of the record.
        position: which finger, 1 to 10.
        resolution: pixels per centimetre.
    """
    scale = resolution * _CM_PER_INCH / DPI
    places = impression.minutiae[:, :2]
    pixels = np.rint((places - places.min(axis=0)) * scale).astype(int) + 1
    width, height = (int(each) + 2 for each in pixels.max(axis=0))
    found = tuple(
        Minutia(x=x, y=y, angle=standard.angle(angle), quality=max(1, round(100 * quality)))
        for (x, y), (angle, quality) in zip(pixels.tolist(), impression.minutiae[:, 2:].tolist(), strict=True)
    )
    view = View(
        position=position,
        width=width,
        height=height,
        x_resolution=resolution,
        y_resolution=resolution,
        minutiae=found,
        capture=Capture() if standard is Standard.ISO_2011 else None,
    )
    return Record(standard=standard, views=(view,))


def finger(impression: FingerTemplate, *, position: int = 2, standard: Standard = Standard.ISO_2005) -> bytes:
    """Make the serialised template of an impression."""
    made = template.finger(minutiae.write(record(impression, standard=standard, position=position)))
    return made.SerializeToString()


def worn(impression: FingerTemplate, *, left: int = 4) -> FingerTemplate:
    """Make of an impression one of a worn finger: the first few of its minutiae, too few to be compared."""
    return FingerTemplate(minutiae=impression.minutiae[:left])


def face(capture: FaceTemplate) -> bytes:
    """Make the serialised template of a face."""
    return template.face(capture.vector.tolist()).SerializeToString()


def iris(capture: IrisTemplate, *, position: int = 1) -> bytes:
    """Make the serialised template of an iris."""
    code, mask = (np.packbits(bits.ravel()).tobytes() for bits in (capture.code, capture.mask))
    return template.iris(code, mask, position=position).SerializeToString()
