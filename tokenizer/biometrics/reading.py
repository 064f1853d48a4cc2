"""From a template's bytes to the arrays that are compared: checked, at 500 dpi, in radians.

The rules are the client's own (`padan.biometric.template`), so that what a client could make is what is read here.
Guarantees: `TemplateError` is the only error, whatever the bytes; arrays are finite, of bounded size, and of the
modality that was asked for. Work is bounded by 4,158 bytes, of a finger by 255 minutiae.

A minutia whose quality was not reported counts as one of 0.5, between good and bad, one whose quality could not be
computed as 0: nothing is refused for either. Where a record's resolutions differ by axis, its angles are taken as
measured between pixels and turned to what they are on the finger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from padan.biometric import template as rules
from padan.biometric.record import FAILED, NOT_REPORTED, dpi
from padan.errors import InvalidRequestError
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.biometrics.template import FaceTemplate, FingerTemplate, IrisTemplate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from padan.biometric.record import Record
    from padan.v1 import biometric_pb2
    from tokenizer.biometrics.template import Template

DPI: Final = 500.0
UNREPORTED: Final = 0.5
"""What a quality counts as that was not reported."""
_BEST: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reading:
    """A template that was read.

    Attributes:
        template: of the modality that was asked for.
        position: which finger, 1 to 10; which eye, 1 or 2; 0 for a face.
        quality: of the capture, 0 to 100, as the device said; None where it did not.
    """

    template: Template
    position: int
    quality: int | None


def read(data: bytes, modality: str) -> Reading:
    """Read a serialised `padan.v1.Template`.

    Args:
        data: at most 4,158 bytes.
        modality: "face", "finger" or "iris".

    Raises:
        TemplateError: names fields and rules, never a value.
    """
    try:
        message, record = rules.parse(data, modality)
    except InvalidRequestError as error:
        raise TemplateError(str(error)) from None
    return Reading(
        template=_face(message)
        if modality == rules.FACE
        else _iris(message)
        if record is None
        else finger(record),
        position=message.position,
        quality=message.quality if message.HasField("quality") else None,
    )


def _face(message: biometric_pb2.Template) -> FaceTemplate:
    return FaceTemplate(vector=np.frombuffer(message.embedding.elements, dtype="<f4").astype(np.float32))


def _iris(message: biometric_pb2.Template) -> IrisTemplate:
    return IrisTemplate(code=_bits(message.iris_code.code), mask=_bits(message.iris_code.mask))


def _bits(packed: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8)).reshape(rules.IRIS_SHAPE)


def finger(record: Record) -> FingerTemplate:
    """Bring the minutiae of a record's only view to the convention in which they are compared."""
    (view,) = record.views
    across, down = DPI / dpi(view.x_resolution), DPI / dpi(view.y_resolution)
    rows = np.array([(each.x, each.y, each.angle, each.quality) for each in view.minutiae], dtype=np.float64)
    turned = rows[:, 2] * (2.0 * np.pi / record.standard.angles)
    if across != down:
        turned = np.arctan2(np.sin(turned) * down, np.cos(turned) * across) % (2.0 * np.pi)
    quality = rows[:, 3] / _BEST
    quality[rows[:, 3] == NOT_REPORTED] = UNREPORTED
    quality[rows[:, 3] == FAILED] = 0.0
    columns = (rows[:, 0] * across, rows[:, 1] * down, turned, quality)
    return FingerTemplate(minutiae=np.column_stack(columns).astype(np.float32))
