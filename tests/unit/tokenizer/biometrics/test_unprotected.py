"""The comparisons without protection are those of their papers."""

from __future__ import annotations

import numpy as np
import pytest

from tokenizer.biometrics import unprotected
from tokenizer.biometrics.template import FaceTemplate, FingerTemplate, IrisTemplate
from verifier.synthetic.biometrics.fingers import Finger

RANDOM = np.random.default_rng(3)


def score(modality: str, first: object, second: object) -> float:
    """Compare two templates."""
    return float(unprotected.scores(modality, [first, second], np.array([[0, 1]]))[0])  # type: ignore[list-item] # of one modality


def iris(code: np.ndarray, mask: np.ndarray | None = None) -> IrisTemplate:
    """Make an iris whose every bit counts, or those of a mask."""
    return IrisTemplate(code=code, mask=np.ones_like(code) if mask is None else mask)


def test_faces_are_compared_by_the_cosine() -> None:
    """Length does not matter, the angle does."""
    first, second = (FaceTemplate(vector=np.array(values, dtype=np.float32)) for values in ([3, 4], [8, 6]))
    assert score("face", first, second) == pytest.approx(0.96)


@pytest.mark.parametrize("shift", [-15, -1, 0, 7, 15])
def test_an_iris_is_the_same_when_the_head_is_tilted(shift: int) -> None:
    """A code turned by up to 15 columns differs in no bit."""
    code = RANDOM.integers(2, size=(64, 256), dtype=np.uint8)
    same = score("iris", iris(code), iris(np.roll(code, shift, axis=1)))
    assert same == pytest.approx(0.5 + 0.5 * np.sqrt(16_384 / 6000))


def test_an_iris_that_is_tilted_further_is_another() -> None:
    """By 16 columns the bits agree by chance."""
    code = RANDOM.integers(2, size=(64, 256), dtype=np.uint8)
    assert score("iris", iris(code), iris(np.roll(code, 16, axis=1))) < 0.55


def test_masked_bits_do_not_count() -> None:
    """Bits that differ where either mask is 0 change nothing; of those left a quarter differs."""
    code = np.zeros((64, 256), dtype=np.uint8)
    other, mask = code.copy(), np.zeros_like(code)
    mask[:, :] = 0
    mask[:24, :] = 1
    other[24:] = 1
    other[:6] = 1
    distance = 0.5 - (0.5 - 0.25) * np.sqrt(24 * 256 / 6000)
    assert score("iris", iris(code, mask), iris(other)) == pytest.approx(1 - distance)
    assert score("iris", iris(code), iris(other, mask)) == pytest.approx(1 - distance)


def test_an_iris_with_nothing_in_common_says_nothing() -> None:
    """Masks that leave no bit give the score of chance."""
    code = np.zeros((64, 256), dtype=np.uint8)
    assert score("iris", iris(code, code), iris(code)) == 0.5


def test_fingers_are_compared_by_what_lies_around_each_minutia() -> None:
    """An impression is itself, another one of the same finger is more alike than another finger's, and none is not."""
    first, second = (Finger.of(1).impression(number) for number in range(2))
    other, none = Finger.of(2).impression(0), FingerTemplate(minutiae=np.zeros((0, 4), dtype=np.float32))
    assert score("finger", first, first) == pytest.approx(1)
    assert score("finger", first, second) > score("finger", first, other) > score("finger", first, none)
    assert score("finger", first, none) == 0
