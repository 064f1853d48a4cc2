"""Cylinders are those of the paper, stand on minutiae that have enough around them, and move with the finger."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tokenizer.biometrics.cylinder import Cylinders, CylinderShape, grid
from verifier.synthetic.biometrics.fingers import Finger

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = CylinderShape()


def moved(minutiae: NDArray[np.float32], *, turn: float, shift: tuple[float, float]) -> NDArray[np.float32]:
    """Turn minutiae counter-clockwise around the origin, in radians, then shift them."""
    x, y, angle, quality = minutiae.astype(np.float64).T
    cosine, sine = math.cos(turn), math.sin(turn)
    rows = (cosine * x + sine * y + shift[0], -sine * x + cosine * y + shift[1], angle + turn, quality)
    return np.stack(rows, axis=1).astype(np.float32)


def cell(minutiae: list[list[float]], at: int, place: tuple[float, float], number: int) -> float:
    """Compute one cell in plain loops, its contributions by quadrature."""
    x, y, angle, _ = minutiae[at]
    u = x + math.cos(angle) * place[0] - math.sin(angle) * place[1]
    v = -y + math.sin(angle) * place[0] + math.cos(angle) * place[1]
    width, total = 2 * math.pi / SHAPE.bins, 0.0
    middle = -math.pi + (number + 0.5) * width
    for other, (s, t, turned, _) in enumerate(minutiae):
        away = math.hypot(u - s, v + t)
        if other == at or away > 3 * SHAPE.place_spread:
            continue
        apart = math.remainder(angle - turned - middle, 2 * math.pi)
        steps = [apart + width * ((step + 0.5) / 2000 - 0.5) for step in range(2000)]
        area = sum(math.exp(-(step**2) / (2 * SHAPE.angle_spread**2)) for step in steps) * width / 2000
        place_part = math.exp(-(away**2) / (2 * SHAPE.place_spread**2)) / (
            SHAPE.place_spread * math.sqrt(2 * math.pi)
        )
        total += place_part * area / (SHAPE.angle_spread * math.sqrt(2 * math.pi))
    return 1 / (1 + math.exp(-SHAPE.steepness * (total - SHAPE.midpoint)))


def test_the_base_has_fifty_two_places() -> None:
    """Of 64 squares of 17.5 pixels, those whose middles lie within 70 pixels."""
    places = grid(SHAPE)
    assert places.shape == (52, 2)
    assert sorted({abs(float(value)) for value in places.ravel()}) == [8.75, 26.25, 43.75, 61.25]
    assert np.hypot(*places.T).max() <= SHAPE.radius


def test_cells_are_what_plain_loops_say() -> None:
    """Every cell of a small finger, computed one by one."""
    minutiae = Finger.of(5).impression(0).minutiae[:14]
    cylinders = Cylinders.of(minutiae, SHAPE, at_most=64)
    assert len(cylinders) > 3
    rows = [[float(value) for value in row] for row in minutiae]
    angles = [row[2] for row in rows]
    for mine in (0, len(cylinders) - 1):
        at = int(np.argmin(np.abs(np.array(angles) - cylinders.angles[mine])))
        for place in range(0, 52, 3):
            for number in range(6):
                expected = cell(rows, at, tuple(grid(SHAPE)[place]), number)
                assert cylinders.values[mine, place, number] == pytest.approx(expected, abs=4e-3)


def test_a_neighbour_straight_ahead_stands_in_its_cell() -> None:
    """By hand: two minutiae that look the same way fill the two middle bins of the cells around the neighbour."""
    minutiae = np.array(
        [[100, 100, 0, 1], [126.25, 91.25, 0, 1], [100, 300, 0, 1], [60, 60, 0, 1]], dtype=np.float32
    )
    shape = CylinderShape(margin=1000)
    cylinders = Cylinders.of(minutiae, shape, at_most=64)
    ahead = int(np.flatnonzero((grid(shape) == [26.25, 8.75]).all(axis=1))[0])
    first = cylinders.values[0]
    # At the neighbour itself G_S is 0.04274; of its angle 0.43319, 0.06546 and 0.00135 go to the bins on each side.
    near, next_, last = (
        1 / (1 + math.exp(-400 * (0.042744 * share - 0.01))) for share in (0.43319, 0.06546, 0.00135)
    )
    assert first[ahead] == pytest.approx([last, next_, near, near, next_, last], rel=1e-3)
    behind = int(np.flatnonzero((grid(shape) == [-61.25, -8.75]).all(axis=1))[0])
    assert first[behind] == pytest.approx(np.full(6, 1 / (1 + math.exp(4))), rel=1e-9)


@pytest.mark.parametrize("turn", [0.0, 2 * math.pi * 5 / 64, 0.3, 2.0, -1.2])
def test_cylinders_move_with_the_finger(turn: float) -> None:
    """Moved and turned, each cylinder is the same, but for places at the very edge of the hull."""
    minutiae = Finger.of(6).impression(0).minutiae
    here = Cylinders.of(minutiae, SHAPE, at_most=255)
    there = Cylinders.of(moved(minutiae, turn=turn, shift=(31.0, -17.0)), SHAPE, at_most=255)
    assert len(here) == len(minutiae) == len(there)
    pairs = np.argmin(np.abs(np.exp(1j * (here.angles[:, None] + turn)) - np.exp(1j * there.angles)), axis=1)
    assert sorted(pairs) == list(range(len(there)))
    assert np.allclose(here.values, there.values[pairs], atol=5e-3)
    assert np.mean(here.inside == there.inside[pairs]) > 0.97


def test_a_minutia_needs_two_others_within_reach() -> None:
    """With one neighbour there is no cylinder, with two there is."""
    minutiae = np.array([[100, 100, 1, 1], [130, 100, 2, 1], [100, 197, 3, 1]], dtype=np.float32)
    wide = CylinderShape(margin=1000)
    assert len(Cylinders.of(minutiae[:2], wide, at_most=64)) == 0
    found = Cylinders.of(minutiae, wide, at_most=64)
    assert found.angles.tolist() == [1.0]  # the other two are 101 pixels apart, the reach is 98


def test_a_minutia_at_the_rim_has_no_cylinder() -> None:
    """Of a small group without a margin, only who has three quarters of the places inside stands."""
    turns = np.arange(12) * math.pi / 6
    ring = np.stack((200 + 75 * np.cos(turns), 200 + 75 * np.sin(turns), turns, np.ones(12)), axis=1)
    minutiae = np.concatenate(([[200, 200, 0.25, 1]], ring)).astype(np.float32)
    found = Cylinders.of(minutiae, CylinderShape(margin=0), at_most=64)
    assert found.angles.tolist() == [0.25]
    assert found.inside.mean() >= 0.75


def test_of_too_many_those_with_most_inside_are_kept_then_the_best() -> None:
    """The share of places inside goes first; of equal ones the quality decides."""
    minutiae = Finger.of(7).impression(0).minutiae
    everyone = Cylinders.of(minutiae, SHAPE, at_most=255)
    some = Cylinders.of(minutiae, SHAPE, at_most=10)
    assert some.angles.tolist() == everyone.angles[:10].tolist()
    shares = everyone.inside.mean(axis=1)
    assert (np.diff(shares) <= 0).all()
    quality = {float(np.float64(row[2])): float(row[3]) for row in minutiae}
    full = [quality[float(angle)] for angle in everyone.angles[shares == 1.0]]
    assert len(full) > 3
    assert full == sorted(full, reverse=True)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_minutiae_make_no_cylinder(count: int) -> None:
    """Neither none nor two are an error."""
    assert len(Cylinders.of(np.ones((count, 4), dtype=np.float32), SHAPE, at_most=64)) == 0


def test_in_a_crowd_the_nearest_count() -> None:
    """Further than the 48th neighbour nothing changes a cylinder."""
    random = np.random.default_rng(4)
    near = np.concatenate((random.uniform(190, 210, (49, 2)), random.uniform(0, 1, (49, 2))), axis=1)
    far = np.array([[260.0, 200.0, 0.5, 1.0]])
    alone, beside = (
        Cylinders.of(rows.astype(np.float32), SHAPE, at_most=255)
        for rows in (near, np.concatenate((near, far)))
    )
    mine = [np.flatnonzero(side.angles == np.float32(near[0, 2]))[0] for side in (alone, beside)]
    assert np.array_equal(alone.values[mine[0]], beside.values[mine[1]])
