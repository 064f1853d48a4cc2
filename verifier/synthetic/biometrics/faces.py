"""Generated faces: a statistical model of embeddings and of how captures of one face differ. No person's data.

Embeddings of different people are like random directions in fewer dimensions than the embedding has elements (S. Gong,
V. Boddeti and A. Jain, "On the intrinsic dimensionality of image representations", CVPR 2019), and those of one face
lie around a direction. How many dimensions and how close around follows from the operating point that OpenCV publishes
for its face recogniser (FaceRecognizerSF): on LFW 99.80 % of pairs are told rightly at a cosine of 0.363. With as many
errors on either side, that point lies 2.88 standard deviations above the mean of different faces, 0, and as many below
that of one face. So cosines of different faces have a spread of 0.126, as directions in 63 dimensions have; with a
spread of 0.1 for one face, whose captures differ more or less, their mean is 0.65.

The parameters are those of `FaceModel`. Error rates measured on generated faces say nothing about real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tokenizer.biometrics.template import FaceTemplate

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceModel:
    """The parameters.

    Attributes:
        size: elements of an embedding.
        dimensions: in which faces differ, at most `size`.
        alike: mean cosine of two captures of one face.
        alike_spread: its spread.
    """

    size: int = 192
    dimensions: int = 63
    alike: float = 0.65
    alike_spread: float = 0.1


MODEL = FaceModel()


class Face:
    """A face.

    Args:
        number: of the face; equal numbers are equal faces.
        model: its parameters.
    """

    def __init__(self, number: int, model: FaceModel = MODEL) -> None:
        self._number = number
        self._model = model
        self._space = _space(model.size, model.dimensions)
        self._middle = _direction(np.random.default_rng((1, number)), model.dimensions)

    def capture(self, number: int) -> FaceTemplate:
        """Capture it; equal numbers are equal captures."""
        model, random = self._model, np.random.default_rng((2, self._number, number))
        # the cosine of two captures is the product of theirs to the middle, and as much more or less as chance does
        middle = np.sqrt(model.alike)
        chance = (1 - model.alike) / np.sqrt(model.dimensions)
        spread = np.sqrt(max(0.0, model.alike_spread**2 - chance**2) / 2) / middle
        cosine = float(np.clip(random.normal(middle, spread), 0, 1))
        away = _direction(random, model.dimensions)
        away -= (away @ self._middle) * self._middle
        away /= np.linalg.norm(away)
        vector = self._space @ (cosine * self._middle + np.sqrt(1 - cosine**2) * away)
        return FaceTemplate(vector=vector.astype(np.float32))


def population(count: int, captures: int, *, seed: int = 0) -> list[list[FaceTemplate]]:
    """Generate faces, each with its captures."""
    faces = (Face(seed + number) for number in range(count))
    return [[face.capture(number) for number in range(captures)] for face in faces]


@cache
def _space(size: int, dimensions: int) -> Floats:
    """Draw the space that all faces of an extractor lie in."""
    drawn = np.random.default_rng((0, size)).standard_normal((size, dimensions))
    return np.asarray(np.linalg.qr(drawn)[0])


def _direction(random: np.random.Generator, dimensions: int) -> Floats:
    drawn = random.standard_normal(dimensions)
    return np.asarray(drawn / np.linalg.norm(drawn))
