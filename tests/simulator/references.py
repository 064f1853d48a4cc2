"""References in memory, with decoys of their own, and a construction that is small enough for many comparisons."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keys.errors import KeyStateError
from padan.vocabulary import Modality
from tokenizer.biometrics.face import FaceScheme
from tokenizer.biometrics.rotation import Rotation
from tokenizer.biometrics.scheme import QualityError, Suite, TemplateError
from tokenizer.biometrics.template import FaceTemplate
from verifier.epoch import RowDamagedError
from verifier.failure import Failure
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey
    from tokenizer.biometrics.template import Template
    from verifier.epoch import PinnedEpoch, RowPair
    from verifier.reference.references import Wanted

    Vector = NDArray[np.float32]

DECOYS: Final = 8
_LEAST: Final = 0.5
"""Length of an embedding under which a capture is not good enough."""
_SAMPLES: Final = {"face": 1, "finger": 3, "iris": 1}


class Scheme:
    """Signs of a rotated embedding, compared by the share that is equal."""

    def __init__(self, modality: str) -> None:
        number = int(Modality.of(modality))
        self.suite = Suite(
            name=f"{modality}-signs/1",
            number=number,
            modality=modality,
            size=128,
            samples=_SAMPLES[modality],
        )

    def prepare(self, template: Template) -> Vector:
        """Take an embedding that is long enough."""
        if not isinstance(template, FaceTemplate):
            raise TemplateError("an embedding")
        if float(np.linalg.norm(template.vector)) < _LEAST:
            raise QualityError("too faint")
        return template.vector

    def protect(
        self, prepared: Vector, key: TemplateKey, *, random: Callable[[int], bytes] = os.urandom
    ) -> bytes:
        """Rotate, and keep the signs."""
        del random
        turned = Rotation.of(key, size=256, blocks=4).rotate(prepared)
        return np.packbits(turned > 0).tobytes()

    def score(self, prepared: Vector, key: TemplateKey, reference: bytes) -> float:
        """Count equal signs."""
        mine = int.from_bytes(self.protect(prepared, key), "big")
        return 1 - (mine ^ int.from_bytes(reference, "big")).bit_count() / (8 * self.suite.size)


class Face(FaceScheme):
    """The service's own construction; a capture can be too faint."""

    def prepare(self, template: object) -> Vector:
        """Take an embedding that is long enough."""
        if isinstance(template, FaceTemplate) and float(np.linalg.norm(template.vector)) < _LEAST:
            raise QualityError("too faint")
        return super().prepare(template)


SCHEMES: Final[dict[str, Any]] = {
    "face": Face(),
    **{modality.label: Scheme(modality.label) for modality in (Modality.FINGER, Modality.IRIS)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What lies in a box."""

    suite: int
    extractor: str
    key_id: int
    draw: bytes
    renewal: int
    r: bytes
    protected: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A reference, or a decoy."""

    reference: Reference
    counts: bool


Slot = tuple[str, int, int]


@dataclass(slots=True)
class References:
    """References and decoys by slot; can be away, without keys, and can have rows that do not open.

    Attributes:
        keyless: whether the key that finds rows is missing.
        damaged: modalities of which the second row that is opened does not open.
        looked: slots that were looked up.
    """

    random: Callable[[int], bytes]
    kept: dict[tuple[Slot, bytes], Reference] = field(default_factory=dict)
    away: bool = False
    keyless: bool = False
    damaged: set[str] = field(default_factory=set)
    looked: int = 0

    def of(self, epoch: PinnedEpoch) -> References:
        """There is one epoch."""
        del epoch
        return self

    def slots(self, suite: Suite, position: int) -> tuple[Slot, ...]:
        """Name the slots."""
        return tuple((suite.modality, position, sample) for sample in range(suite.samples))

    def lookup(self, wanted: Sequence[Wanted]) -> list[list[RowPair]]:
        """Name two rows a slot: the number of a decoy, or of the subject."""
        if self.away:
            raise VaultUnavailableError(Failure.DISCONNECTED)
        if self.keyless:
            raise KeyStateError("its time is over")
        found: list[list[RowPair]] = []
        for each in wanted:
            pick = hashlib.sha256(each.request_id).digest()
            first, second = bytes((pick[0] % DECOYS,)), bytes((pick[1] % DECOYS,))
            rows: list[RowPair] = []
            for slot in each.slots:
                self.looked += 1
                own = (first, each.record_id)[(slot, each.record_id) in self.kept]
                rows.append(((own, b"box"), (second, b"box")))
            found.append(rows)
        return found

    def open(self, wanted: Wanted, rows: Sequence[RowPair], extractor: str) -> list[Candidate]:
        """Open them."""
        if wanted.slots[0][0] in self.damaged:
            raise RowDamagedError("the registry's data cannot be read", opened=1)
        candidates = []
        for slot, ((name, _), (other, _)) in zip(wanted.slots, rows, strict=True):
            reference, _ = self._row(slot, name), self._row(slot, other)
            counts = (reference.r == wanted.record_id) & (reference.extractor == extractor)
            candidates.append(Candidate(reference=reference, counts=counts))
        return candidates

    def _row(self, slot: Slot, name: bytes) -> Reference:
        if (slot, name) not in self.kept:
            suite = SCHEMES[slot[0]].suite
            self.kept[slot, name] = Reference(
                suite=suite.number,
                extractor="",
                key_id=1,
                draw=self.random(16),
                renewal=0,
                r=name,
                protected=self.random(suite.size),
            )
        return self.kept[slot, name]
