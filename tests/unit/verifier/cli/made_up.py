"""Files of made-up templates, as `padan-server evaluate biometrics` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def write_faces(path: Path, *, people: int, captures: int, spread: float = 0.6) -> Path:
    """Write faces: a direction a person, and captures around it."""
    random = np.random.default_rng(8)
    centres = np.repeat(random.standard_normal((people, 64)), captures, axis=0)
    vectors = centres + spread * random.standard_normal(centres.shape)
    np.savez(
        path,
        subject=np.repeat(np.arange(people), captures),
        mobilefacenet192=vectors.astype(np.float32),
    )
    return path
