"""Pairs of cylinders are chosen greedily, stand out or do not, and compare without protection as in the paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.biometrics.cylinder import Cylinders, CylinderShape
from tokenizer.biometrics.cylindermatch import PairCount, contrast, greedy, similarities, unprotected
from verifier.synthetic.biometrics.fingers import Finger

SHAPE = CylinderShape()


def cylinders(seed: int, number: int = 0) -> Cylinders:
    """Make those of a generated impression."""
    return Cylinders.of(Finger.of(seed).impression(number).minutiae, SHAPE, at_most=64)


def test_the_best_pairs_are_taken_one_by_one() -> None:
    """By hand: 0.9 takes its row and column, so that 0.8 and 0.7 are gone and 0.4 is next."""
    table = np.array([[0.9, 0.8, 0.1], [0.7, 0.4, 0.3], [0.2, 0.1, 0.35]])
    before = table.copy()
    assert greedy(table, 1) == 0.9
    assert greedy(table, 2) == pytest.approx((0.9 + 0.4) / 2)
    assert greedy(table, 9) == pytest.approx((0.9 + 0.4 + 0.35) / 3)
    assert np.array_equal(table, before)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_no_pairs_score_nothing(shape: tuple[int, int]) -> None:
    """An empty side is 0, no error."""
    assert greedy(np.zeros(shape), 4) == 0.0


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_greedy_choice_is_that_of_plain_loops(rows: int, columns: int, count: int, seed: int) -> None:
    """Sorted once, taken where row and column are free."""
    table = np.random.default_rng(seed).integers(-20, 20, (rows, columns)) / 20
    order = sorted((-table[r, c], r, c) for r in range(rows) for c in range(columns))
    taken: list[tuple[float, int, int]] = []
    for value, row, column in order:
        free = all(row != other[1] and column != other[2] for other in taken)
        if free and len(taken) < min(count, rows, columns):
            taken.append((-value, row, column))
    assert greedy(table, count) == pytest.approx(sum(value for value, _, _ in taken) / len(taken))


def test_a_pair_counts_by_how_far_it_stands_out() -> None:
    """Against sorted rows and columns, one cell at a time."""
    table = np.random.default_rng(1).random((7, 9)).astype(np.float32)
    found = contrast(table, weight=0.25, runners_up=3)
    for row in range(7):
        for column in range(9):
            beside = sorted(table[row].tolist())[-4:-1], sorted(table[:, column].tolist())[-4:-1]
            expected = table[row, column] - 0.25 * (sum(beside[0]) / 3 + sum(beside[1]) / 3)
            assert found[row, column] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("cylinders_", "count"), [(0, 4), (10, 4), (20, 7), (30, 10), (64, 10)])
def test_the_number_of_pairs_grows_with_the_cylinders(cylinders_: int, count: int) -> None:
    """From the least to the most, half of the way at the middle."""
    assert PairCount(least=4, most=10).of(cylinders_) == count


def test_cylinders_compare_as_in_the_paper() -> None:
    """Each pair in plain loops: 1 less the distance over the sum of lengths, over the places that both have inside."""
    first, second = cylinders(1), cylinders(2)
    found = similarities(first, second)
    assert found.shape == (len(first), len(second))
    assert found.any()
    for one in range(0, len(first), 5):
        for other in range(0, len(second), 3):
            both = first.inside[one] & second.inside[other]
            turned = abs(math.remainder(first.angles[one] - second.angles[other], 2 * math.pi))
            left, right = first.values[one][both].ravel(), second.values[other][both].ravel()
            distance = math.dist(left, right) / (np.linalg.norm(left) + np.linalg.norm(right))
            expected = 1 - distance if turned <= math.pi / 2 and both.sum() >= 0.6 * 52 else 0.0
            assert found[one, other] == pytest.approx(expected, abs=1e-6)


def test_an_impression_is_like_itself() -> None:
    """Its best pairs are all 1, and the other finger's are not."""
    mine = cylinders(3)
    assert unprotected(mine, mine) == pytest.approx(1.0, abs=1e-6)
    assert unprotected(cylinders(3, 1), mine) > unprotected(cylinders(4), mine)


def test_upside_down_does_not_compare() -> None:
    """Minutiae that look the other way are not compared at all."""
    minutiae = Finger.of(3).impression(0).minutiae.copy()
    mine = Cylinders.of(minutiae, SHAPE, at_most=64)
    other = Cylinders(values=mine.values, inside=mine.inside, angles=np.full(len(mine), 0.1))
    away = Cylinders(values=mine.values, inside=mine.inside, angles=np.full(len(mine), 0.1 + 1.6))
    assert unprotected(other, other) == pytest.approx(1.0, abs=1e-6)
    assert unprotected(away, other) == 0.0
