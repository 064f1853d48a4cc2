"""Captures of many generated people in NumPy's .npz, as they are read for measuring (docs/formats/calibration.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verifier.synthetic.biometrics.faces import Face
from verifier.synthetic.biometrics.fingers import Finger
from verifier.synthetic.biometrics.irises import Iris

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def write_faces(path: Path, people: range, each: int) -> None:
    """Write faces.

    Args:
        path: of the new file.
        people: numbers of the faces.
        each: captures of each.
    """
    subject, captures = _of(people, each, lambda person, number: Face(person).capture(number))
    np.savez(path, subject=subject, mobilefacenet192=np.array([capture.vector for capture in captures]))


def write_fingers(path: Path, people: range, each: int) -> None:
    """Write fingers, arguments as for faces."""
    subject, captures = _of(people, each, lambda person, number: Finger.of(person).impression(number))
    rows = np.concatenate([capture.minutiae for capture in captures])
    degrees = np.degrees(rows[:, 2:3])
    counts = [len(capture.minutiae) for capture in captures]
    np.savez(
        path,
        subject=subject,
        leader=np.concatenate((rows[:, :2], degrees, rows[:, 3:4], np.zeros_like(degrees)), axis=1),
        leader_off=np.concatenate(([0], np.cumsum(counts))),
    )


def write_irises(path: Path, people: range, each: int) -> None:
    """Write irises, arguments as for faces."""
    subject, captures = _of(people, each, lambda person, number: Iris(person).capture(number))
    np.savez(
        path,
        subject=subject,
        code=_packed(capture.code for capture in captures),
        mask=_packed(capture.mask for capture in captures),
    )


def _of(people: range, each: int, capture: Callable[[int, int], Any]) -> tuple[np.ndarray, list[Any]]:
    subject = np.repeat(np.arange(len(people), dtype=np.int32), each)
    return subject, [capture(person, number) for person in people for number in range(each)]


def _packed(planes: Iterator[np.ndarray]) -> np.ndarray:
    """Lay rows (wavelet, radius, part) of columns out as open-iris does: wavelet, radius, angle, part."""
    bits = np.array([plane.reshape(2, 16, 2, 256).transpose(0, 1, 3, 2).ravel() for plane in planes])
    return np.packbits(bits, axis=1)
