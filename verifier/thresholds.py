"""The file of biometric thresholds that the setting `biometric_thresholds` names (docs/formats/calibration.md)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from keys.ringfile import sync_folder
from tokenizer.biometrics import suites
from tokenizer.biometrics.calibration import Thresholds
from tokenizer.biometrics.template import FACE

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.config import Settings


def of(settings: Settings) -> Thresholds:
    """Read the thresholds of an installation; none where the setting names no file, so that nothing is accepted.

    Raises:
        ThresholdsError: the file is not of its format.
        OSError: it cannot be read.
    """
    path = settings.biometric_thresholds
    return Thresholds() if path is None else Thresholds.of(path)


def elements(known: Thresholds, modality: str, extractor: str) -> int | None:
    """Say how many elements the templates of an extractor have that are enrolled; None where it is not known."""
    return known.elements(extractor, suites.enrolling(modality).suite.name)


def unmeasured(known: Thresholds) -> list[str]:
    """Name the extractors of faces of which it is not known how many elements they give, in an order."""
    faces = {each.suite.name for each in suites.SCHEMES if each.suite.modality == FACE}
    return sorted(
        {
            entry.extractor
            for entry in known.entries
            if entry.suite in faces and known.elements(entry.extractor, entry.suite) is None
        }
    )


def write(path: Path, thresholds: Thresholds) -> None:
    """Put a file in the place of the one that may be there; a reader sees the old or the new one.

    Raises:
        OSError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(thresholds.encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)
