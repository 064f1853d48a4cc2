"""Files of generated templates, for `make evaluate` where no data is given. No person's data.

The models and their parameters stand in verifier/synthetic/biometrics. Error rates on them say nothing about people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.synthetic.biometrics import archive

if TYPE_CHECKING:
    from pathlib import Path

FACES, CAPTURES = 150, 5
FINGERS, IMPRESSIONS = 40, 6
EYES, LOOKS = 50, 6


def write(folder: Path) -> None:
    """Write a file of each modality, named as those of given data with "generated-" before it."""
    archive.write_faces(folder / "generated-face.npz", range(FACES), CAPTURES)
    archive.write_fingers(folder / "generated-fingerprint.npz", range(FINGERS), IMPRESSIONS)
    archive.write_irises(folder / "generated-iris.npz", range(EYES), LOOKS)
