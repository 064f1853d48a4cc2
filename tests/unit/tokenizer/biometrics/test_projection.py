"""Rotations of whole numbers are exact, and the same as those of any other numbers."""

from __future__ import annotations

import numpy as np
import pytest

from keys.templatekey import TemplateKey
from tokenizer.biometrics.projection import longest, projections
from tokenizer.biometrics.rotation import Rotation

KEY = TemplateKey(bytes(range(32)))


def exact(rotation: Rotation, vector: list[int]) -> list[int]:
    """Rotate with Python's numbers, by Sylvester's matrix of 1 and -1."""
    size = rotation.signs.shape[-1]
    now = vector + [0] * (size - len(vector))
    for turn in range(3):
        flipped = [int(sign) * value for sign, value in zip(rotation.signs[0, turn], now, strict=True)]
        now = [flipped[at] for at in rotation.orders[0, turn]]
        half = 1
        while half < size:
            for at in range(size):
                if not at & half:
                    now[at], now[at | half] = now[at] + now[at | half], now[at] - now[at | half]
            half *= 2
    return now


@pytest.mark.parametrize(("size", "count"), [(4, 2), (8, 4), (64, 64), (512, 256), (512, 512)])
def test_projections_are_exact(size: int, count: int) -> None:
    """For vectors as long as may be, also where they lie in one element or have equal ones."""
    rotation = Rotation.of(KEY, size=size, blocks=1)
    limit = longest(size)
    random = np.random.default_rng(size).standard_normal((6, size - 1))
    given = np.fix(random / np.linalg.norm(random, axis=1, keepdims=True) * limit)
    given[0] = np.fix(limit / np.sqrt(size))
    given[1] = 0
    given[1, 1] = np.fix(limit)
    found = projections(rotation, given.astype(np.float32), count=count)
    assert found.dtype == np.float32
    assert found.shape == (6, count)
    for row, vector in zip(found, given, strict=True):
        assert row.tolist() == exact(rotation, [int(value) for value in vector])[:count]


def test_they_are_the_rotation_unscaled() -> None:
    """Against the general rotation, which rounds."""
    rotation = Rotation.of(KEY, size=512, blocks=1)
    given = np.random.default_rng(2).integers(-70, 71, (5, 314)).astype(np.float32)
    found = projections(rotation, given, count=256)
    assert np.allclose(found / 512**1.5, rotation.rotate(given)[:, :256], atol=1e-3)


def test_the_limit_is_where_numbers_cease_to_be_exact() -> None:
    """2^24 over n^1.5: 1,448 of 512."""
    assert longest(512) == pytest.approx(1448.15, abs=0.01)
