"""From captures to the references of one position: checked, fused where the modality fuses, protected under a new draw.

1 read each capture, and see whether it is good enough  2 draw b, and derive the key of the enrolment  3 of a face make
one template of all captures, of a finger keep as many as the suite does  4 protect each
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys.templatekey import DRAW_SIZE
from tokenizer.biometrics import suites
from tokenizer.biometrics.face import fuse
from tokenizer.biometrics.reading import read
from tokenizer.biometrics.reference import RECORD_ID_SIZE, Reference, extractor_digest
from tokenizer.biometrics.slot import require_position, slots_of
from tokenizer.biometrics.template import FACE, FaceTemplate
from verifier.reference.writer import today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.templatekey import TemplateKeys
    from tokenizer.biometrics.slot import Slot
    from tokenizer.biometrics.template import Template

MOST_FUSED: Final = 16
"""Captures of a face that are fused at most."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Capture:
    """A capture that may be enrolled.

    Attributes:
        template: what was captured.
        prepared: what its scheme makes of it without a key.
        position: which finger or eye, 0 for a face.
    """

    template: Template
    prepared: Any
    position: int


def read_capture(data: bytes, modality: str) -> Capture:
    """Read a serialised `padan.v1.Template`, and see whether it is good enough.

    Raises:
        TemplateError: it is malformed, of another modality, or of a position that the modality has not.
        QualityError: a better capture is needed.
    """
    found = read(data, modality)
    require_position(modality, found.position)
    prepared = suites.enrolling(modality).prepare(found.template)
    return Capture(template=found.template, prepared=prepared, position=found.position)


def most(modality: str) -> int:
    """Say how many captures of a position make references at most."""
    return MOST_FUSED if modality == FACE else suites.enrolling(modality).suite.samples


def enrol(
    keys: TemplateKeys, captures: Sequence[Capture], *, modality: str, extractor: str, renewal: int = 0
) -> dict[Slot, Reference]:
    """Make the references of one position, under a draw of their own; whose they are is put in later.

    Args:
        keys: derives the key, of the biometric key of now.
        captures: at least one, and at most as many as `most` says, all of one position.
        modality: theirs.
        extractor: what made them, "NAME/VERSION".
        renewal: how often the position was renewed.

    Raises:
        TemplateError: captures of a face cannot be fused, or the extractor is none.
    """
    scheme, digest, draw = suites.enrolling(modality), extractor_digest(extractor), os.urandom(DRAW_SIZE)
    suite = scheme.suite
    key = keys.derive(
        suite=suite.name, modality=modality, extractor=extractor, draw=draw, renewal=renewal
    )  # 2
    prepared = [each.prepared for each in captures]
    faces = [each.template for each in captures if isinstance(each.template, FaceTemplate)]
    if modality == FACE and len(faces) > 1:
        prepared = [scheme.prepare(fuse(faces))]  # 3
    slots = slots_of(suite, captures[0].position)
    return {
        slot: Reference(
            suite=suite.number,
            extractor=digest,
            key_id=keys.key_id,
            draw=draw,
            renewal=renewal,
            r=bytes(RECORD_ID_SIZE),
            day=today(),
            protected=scheme.protect(each, key),  # 4
        )
        for slot, each in zip(slots, prepared, strict=False)
    }
