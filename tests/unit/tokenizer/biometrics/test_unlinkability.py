"""D_sys says how far references can be linked, and its floor what the estimator sees where nothing is to be seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tokenizer.biometrics.unlinkability import d_sys

MANY = 200_000


def normal(mean: float, count: int, seed: int) -> np.ndarray:
    """Draw scores."""
    return np.random.default_rng(seed).normal(mean, 1, count)


def by_integral(apart: float) -> float:
    """Compute D_sys of two normal densities by its definition, on a fine grid."""
    grid = np.linspace(-10, 10 + apart, 200_001)
    mated, other = (np.exp(-((grid - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (apart, 0))
    ratio = mated / other
    local = np.where(ratio > 1, 2 * ratio / (1 + ratio) - 1, 0)
    return float(np.sum(mated * local) * (grid[1] - grid[0]))


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0, 4.0])
def test_known_distributions_give_what_the_definition_gives(apart: float) -> None:
    """Two normal distributions at a distance give the integral of the definition."""
    assert d_sys(normal(apart, MANY, 1), normal(0, MANY, 2)) == pytest.approx(by_integral(apart), abs=0.01)


def test_the_ends_of_the_scale() -> None:
    """Scores that never overlap are fully linkable, and scores that are all the same are not at all."""
    assert d_sys(normal(100, 1000, 1), normal(0, 1000, 2)) == 1
    assert d_sys(np.full(100, 0.5), np.full(100, 0.5)) == 0


def test_the_same_distribution_is_not_linkable_but_for_the_floor() -> None:
    """Of one distribution few scores give more than many: the estimator's floor falls with their number."""
    few, more, many = (d_sys(normal(0, n, 1), normal(0, n, 2)) for n in (2000, 20_000, MANY))
    assert 0.03 < few < 0.08
    assert few > more > many
    assert many < 0.006


def test_lower_mated_scores_link_as_well() -> None:
    """A person's references that are less alike than two people's betray it just so."""
    assert d_sys(normal(-4, MANY, 1), normal(0, MANY, 2)) > 0.9


def test_too_few_scores_are_refused() -> None:
    """Nine scores make no density."""
    with pytest.raises(ValueError, match="at least 10"):
        d_sys(np.zeros(9), np.zeros(100))
