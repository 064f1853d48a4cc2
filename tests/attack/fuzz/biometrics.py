"""What is fuzzed of biometrics: minutiae records, what is told of them, and templates on their way to a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from padan.biometric import minutiae
from padan.biometric.faults import MinutiaeError
from tokenizer.biometrics import reading
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.biometrics.template import MODALITIES, FaceTemplate, FingerTemplate

if TYPE_CHECKING:
    from collections.abc import Callable


def minutiae_record(data: bytes) -> None:
    """Read a finger minutiae record; what is accepted is written to the same bytes, and has no problem."""
    try:
        record = minutiae.read(data)
    except MinutiaeError:
        assert minutiae.survey(data).problems
        return
    assert minutiae.write(record) == data
    assert minutiae.survey(data).problems == ()


def minutiae_problems(data: bytes) -> None:
    """Find all that is wrong with a record, with its length fields put right, so that more of it is read."""
    right = bytearray(data)
    right[:8] = b"FMR\0" + (b" 20\0", b"030\0", b"035\0")[right[0] % 3 if right else 0]
    right[8:12] = len(right).to_bytes(4, "big")
    found = minutiae.survey(bytes(right))
    assert found.problems or minutiae.write(minutiae.read(bytes(right))) == right


def biometric_template(data: bytes) -> None:
    """Read a template of any modality; what is accepted is finite and of bounded size."""
    modality = MODALITIES[data[0] % len(MODALITIES)] if data else "finger"
    try:
        found = reading.read(data[1:], modality)
    except TemplateError:
        return
    template = found.template
    if isinstance(template, FaceTemplate):
        assert np.isfinite(template.vector / np.linalg.norm(template.vector)).all()
    elif isinstance(template, FingerTemplate):
        assert 1 <= len(template.minutiae) <= 255
        assert np.isfinite(template.minutiae).all()
    else:
        assert template.code.shape == template.mask.shape == (64, 256)


TARGETS: tuple[Callable[[bytes], None], ...] = (minutiae_record, minutiae_problems, biometric_template)
