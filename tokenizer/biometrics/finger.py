"""The protection of a finger: signs of rotated minutia cylinders, in slots without number or order.

1. At most 64 cylinders (`tokenizer.biometrics.cylinder`); under 12 is a matter of quality, and nothing is compared.
2. Each as a vector: values less the mean of their bin of angles, 0 outside the hull, of length 1; behind them cosine
   and sine of the minutia's own angle, weighted, so that cylinders are more alike that look the same way. Neither
   place nor angle is kept as such. Rounded to whole numbers, which makes the rest exact.
3. Turned by the enrolment's rotation of 512 (`tokenizer.biometrics.projection`); the first 256 results are kept.
4. A reference has their signs; empty slots are filled with random bits, and the slots are shuffled.
5. A probe keeps its results as numbers: the registry's side has it in the clear anyway, and they say more than signs.
   Its similarity to a slot is the weighted part of the slot's signs that are right, from -1 to 1.
6. The score is the greedy mean over a few pairs, each by how far it stands out in its row and its column.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tokenizer.biometrics import cylindermatch
from tokenizer.biometrics.cylinder import Cylinders, CylinderShape
from tokenizer.biometrics.cylindermatch import PairCount
from tokenizer.biometrics.projection import projections
from tokenizer.biometrics.rotation import Rotation
from tokenizer.biometrics.scheme import QualityError, Suite, TemplateError
from tokenizer.biometrics.template import FINGER, FingerTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey

MOST_MINUTIAE: Final = 255
"""What a view of ISO/IEC 19794-2 can hold."""
_FURTHEST: Final = 65_535
"""Pixels from the origin."""
_COLUMNS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerParameters:
    """What a suite of the finger fixes.

    Attributes:
        shape: of the cylinders.
        means: of the values of each bin of angles.
        least_cylinders: below which an impression is not good enough.
        slots: of a reference.
        bits: of a slot.
        rotation: size of the keyed rotation.
        angle_weight: of the minutia's own angle beside a cylinder of length 1.
        scale: a cylinder's length in whole numbers; with the angle's part it keeps to `projection.longest`.
        pairs: how many pairs a score is the mean of.
        contrast: the weight of the runners-up.
        runners_up: how many.
    """

    shape: CylinderShape
    means: tuple[float, ...]
    least_cylinders: int
    slots: int
    bits: int
    rotation: int
    angle_weight: float
    scale: float
    pairs: PairCount
    contrast: float
    runners_up: int


SUITE: Final = Suite(name="finger-mcc8-hd3-256/1", number=2, modality=FINGER, size=2_048, samples=3)
PARAMETERS: Final = FingerParameters(
    shape=CylinderShape(),
    means=(0.0840, 0.0525, 0.1228, 0.1228, 0.0525, 0.0840),
    least_cylinders=12,
    slots=64,
    bits=256,
    rotation=512,
    angle_weight=0.4,
    scale=1_300.0,
    pairs=PairCount(least=4, most=8),
    contrast=0.3,
    runners_up=5,
)
"""Chosen by measurement; docs/formats/template.md says what was."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PreparedFinger:
    """An impression before any key.

    Attributes:
        vectors: float32 [k, places * bins + 2] of whole numbers, k from 12 to 64.
    """

    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerScheme:
    """The construction of a suite of the finger."""

    suite: Suite = SUITE
    parameters: FingerParameters = PARAMETERS

    def cylinders(self, template: FingerTemplate) -> Cylinders:
        """Make an impression's cylinders, which a comparison without protection may take too.

        Raises:
            QualityError: fewer than 12 are valid.
            TemplateError: it is no finger, or out of range.
        """
        _check(template)
        chosen = self.parameters
        cylinders = Cylinders.of(template.minutiae, chosen.shape, at_most=chosen.slots)
        if len(cylinders) < chosen.least_cylinders:
            raise QualityError("the finger has too few minutiae with enough around them: capture it again")
        return cylinders

    def prepare(self, template: Any) -> PreparedFinger:
        """Make the vectors of an impression.

        Raises:
            QualityError: fewer than 12 cylinders are valid.
            TemplateError: it is no finger, or out of range.
        """
        cylinders, chosen = self.cylinders(template), self.parameters
        kept = (cylinders.values - chosen.means) * cylinders.inside[..., None]
        flat = kept.reshape(len(cylinders), -1)
        units = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        angles = np.stack((np.cos(cylinders.angles), np.sin(cylinders.angles)), axis=1) * chosen.angle_weight
        whole = np.rint(np.concatenate((units, angles), axis=1) * chosen.scale)
        return PreparedFinger(vectors=whole.astype(np.float32))

    def protect(
        self,
        prepared: PreparedFinger,
        key: TemplateKey,
        *,
        random: Callable[[int], bytes] = os.urandom,
    ) -> bytes:
        """Make a reference, 2,048 bytes: slots of 32, bits highest first, 1 where a result is above 0.

        Args:
            prepared: by `prepare`.
            key: of the enrolment.
            random: asked once for 2,560 bytes: what slots hold that no cylinder takes, then 64 little-endian numbers
                of 64 bits, in whose order the slots are laid down.
        """
        slots, width = self.parameters.slots, self.parameters.bits // 8
        drawn = random(slots * (width + 8))
        laid = np.frombuffer(drawn, dtype=np.uint8, count=slots * width).reshape(slots, width).copy()
        signs = np.packbits(self._projected(prepared, key) > 0, axis=1)
        laid[: len(signs)] = signs
        order = np.argsort(np.frombuffer(drawn, dtype="<u8", offset=slots * width), kind="stable")
        return laid[order].tobytes()

    def score(self, prepared: PreparedFinger, key: TemplateKey, reference: bytes) -> float:
        """Compare a probe with a reference: 0 to 1.

        Args:
            prepared: of the probe, by `prepare`.
            key: of the enrolment.
            reference: 2,048 bytes.

        Raises:
            TemplateError: the reference has another size.
        """
        return self._compared(self._projected(prepared, key), reference)

    def link(self, first: bytes, second: bytes) -> float:
        """Compare two references without any key, as who joins two databases would: 0 to 1. For measuring.

        Raises:
            TemplateError: a reference has another size.
        """
        return self._compared(self._signs(first), second)

    def _compared(self, projected: NDArray[np.float32], reference: bytes) -> float:
        chosen = self.parameters
        signs = self._signs(reference)
        units = projected / np.sum(np.abs(projected), axis=1, keepdims=True)
        # A product for each row: a library of linear algebra starts no threads for these.
        similarities = np.matmul(units[:, None], signs.T)[:, 0]
        alike = cylindermatch.contrast(similarities, weight=chosen.contrast, runners_up=chosen.runners_up)
        return min(1.0, max(0.0, cylindermatch.greedy(alike, chosen.pairs.of(len(projected)))))

    def _signs(self, reference: bytes) -> NDArray[np.float32]:
        """Read a reference: [slots, bits] of 1 and -1."""
        if len(reference) != self.suite.size:
            raise TemplateError("a reference of a finger has the size of its suite")
        bits = np.unpackbits(np.frombuffer(reference, dtype=np.uint8))
        return np.float32(2) * bits.reshape(self.parameters.slots, self.parameters.bits) - np.float32(1)

    def _projected(self, prepared: PreparedFinger, key: TemplateKey) -> NDArray[np.float32]:
        rotation = Rotation.of(key, size=self.parameters.rotation, blocks=1)
        return projections(rotation, prepared.vectors, count=self.parameters.bits)


def _check(template: Any) -> None:
    if not isinstance(template, FingerTemplate):
        raise TemplateError("a finger's suite takes the minutiae of a finger")
    minutiae = template.minutiae
    if minutiae.ndim != 2 or minutiae.shape[1] != _COLUMNS:  # noqa: PLR2004  rows and columns
        raise TemplateError("minutiae have a place, an angle and a quality each")
    if len(minutiae) > MOST_MINUTIAE:
        raise TemplateError("a finger has at most 255 minutiae")
    if not np.isfinite(minutiae).all() or (np.abs(minutiae[:, :2]) > _FURTHEST).any():
        raise TemplateError("a minutia lies within 65,535 pixels, at an angle that is a number")
    if ((minutiae[:, 3] < 0) | (minutiae[:, 3] > 1)).any():
        raise TemplateError("a minutia's quality is 0 to 1")
