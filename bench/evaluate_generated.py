"""Files of generated templates, for `make evaluate` where no data is given. No person's data.

The models and their parameters stand in tests/biometrics. Error rates on them say nothing about people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.biometrics.faces import Face
from tests.biometrics.fingers import Finger
from tests.biometrics.irises import Iris

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACES, CAPTURES = 150, 5
FINGERS, IMPRESSIONS = 40, 6
EYES, LOOKS = 50, 6


def write(folder: Path) -> None:
    """Write a file of each modality, named as those of given data with "generated-" before it."""
    np.savez(folder / "generated-face.npz", **_faces())
    np.savez(folder / "generated-fingerprint.npz", **_fingers())
    np.savez(folder / "generated-iris.npz", **_irises())


def _of(people: int, each: int, capture: Callable[[int, int], Any]) -> tuple[np.ndarray, list[Any]]:
    subject = np.repeat(np.arange(people, dtype=np.int32), each)
    return subject, [capture(person, number) for person in range(people) for number in range(each)]


def _faces() -> dict[str, Any]:
    subject, captures = _of(FACES, CAPTURES, lambda person, number: Face(person).capture(number))
    return {"subject": subject, "mobilefacenet192": np.array([capture.vector for capture in captures])}


def _fingers() -> dict[str, Any]:
    subject, captures = _of(FINGERS, IMPRESSIONS, lambda person, number: Finger.of(person).impression(number))
    rows = np.concatenate([capture.minutiae for capture in captures])
    degrees = np.degrees(rows[:, 2:3])
    counts = [len(capture.minutiae) for capture in captures]
    return {
        "subject": subject,
        "leader": np.concatenate((rows[:, :2], degrees, rows[:, 3:4], np.zeros_like(degrees)), axis=1),
        "leader_off": np.concatenate(([0], np.cumsum(counts))),
    }


def _irises() -> dict[str, Any]:
    subject, captures = _of(EYES, LOOKS, lambda person, number: Iris(person).capture(number))
    return {
        "subject": subject,
        "code": _packed(capture.code for capture in captures),
        "mask": _packed(capture.mask for capture in captures),
    }


def _packed(planes: Iterator[np.ndarray]) -> np.ndarray:
    """Lay rows (wavelet, radius, part) of columns out as open-iris does: wavelet, radius, angle, part."""
    bits = np.array([plane.reshape(2, 16, 2, 256).transpose(0, 1, 3, 2).ravel() for plane in planes])
    return np.packbits(bits, axis=1)
