"""Minutia cylinder codes: what lies around each minutia of a finger, seen from it.

Follows R. Cappelli, M. Ferrara and D. Maltoni, "Minutia Cylinder-Code: A New Representation and Matching Technique for
Fingerprint Recognition", IEEE TPAMI 32(12), 2010, with its constants. A cylinder stands on a minutia, turned as it is:
its cells are places around it times angles against its own, and a cell's value says how likely another minutia is there
at that angle. So a cylinder does not change when the finger is moved or turned. Numbers here are float64, so that what
is rounded from them later is the same on every machine but for one value in billions.

One thing is simpler than in the paper: whether a cell lies in the widened convex hull of the minutiae is asked of 64
directions, in each of which no minutia lies further out than the hull does; that needs no hull.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIRECTIONS: Final = 64
_TABLE_STEPS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class CylinderShape:
    """The constants of a cylinder; lengths in pixels at 500 dpi, angles in radians. Names are the paper's.

    Attributes:
        radius: R.
        across: N_S, cells along the side of the square around the base; those inside the circle count.
        bins: N_D, bins of angles.
        place_spread: sigma_S.
        angle_spread: sigma_D.
        midpoint: mu_psi of the sigmoid.
        steepness: tau_psi of the sigmoid.
        margin: Omega, by which the hull is widened.
        cells_needed: min_VC, the share of its places that a valid cylinder has inside the hull.
        neighbours_needed: min_M, other minutiae that a valid cylinder has within reach.
        neighbours_counted: the nearest that count. No finger has so many: it bounds what a made-up template costs.
    """

    radius: float = 70.0
    across: int = 8
    bins: int = 6
    place_spread: float = 28 / 3
    angle_spread: float = 2 * math.pi / 9
    midpoint: float = 0.01
    steepness: float = 400.0
    margin: float = 50.0
    cells_needed: float = 0.75
    neighbours_needed: int = 2
    neighbours_counted: int = 48

    @property
    def step(self) -> float:
        """Between the middles of two cells on the base."""
        return 2 * self.radius / self.across

    @property
    def reach(self) -> float:
        """How far from a place a minutia counts there: 3 sigma_S."""
        return 3 * self.place_spread


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cylinders:
    """The valid cylinders of one impression.

    Attributes:
        values: [k, places, bins], 0 to 1; cells outside the hull have values too, which mean nothing.
        inside: bool [k, places], whether a place lies in the widened hull.
        angles: [k], of the minutiae that they stand on, in radians.
    """

    values: NDArray[np.float64]
    inside: NDArray[np.bool_]
    angles: NDArray[np.float64]

    def __len__(self) -> int:
        """Count them."""
        return len(self.angles)

    @classmethod
    def of(cls, minutiae: NDArray[np.float32], shape: CylinderShape, *, at_most: int) -> Cylinders:
        """Make the cylinders of a finger's minutiae.

        1. Lay the places around every minutia, and see which are inside the hull.
        2. Find which cylinders are valid; of too many, keep those with most places inside, then of best quality.
        3. Add up what each neighbour gives to each cell of those.

        Args:
            minutiae: [n, 4] as `FingerTemplate` has them.
            shape: the constants.
            at_most: how many are kept.
        """
        x, y, angles, quality = minutiae.astype(np.float64).T
        spots = np.stack((x, -y), axis=1)
        places = _places(spots, angles, shape)
        inside = _inside(places, spots, shape)
        apart = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
        np.fill_diagonal(apart, np.inf)
        near = apart <= (shape.radius + shape.reach) ** 2
        share = inside.mean(axis=1)
        valid = np.nonzero((share >= shape.cells_needed) & (near.sum(axis=1) >= shape.neighbours_needed))[0]
        kept = valid[np.lexsort((-quality[valid], -share[valid]))[:at_most]]
        owner, other = _neighbours(apart[kept], near[kept], shape)
        sums = _sums(
            _turned(spots[other] - spots[kept][owner], -angles[kept][owner]),
            angles[kept][owner] - angles[other],
            owner,
            shape=shape,
            count=len(kept),
        )
        values = 1 / (1 + np.exp(-shape.steepness * (sums - shape.midpoint)))
        return cls(values=values, inside=inside[kept], angles=angles[kept])


@functools.cache
def grid(shape: CylinderShape) -> NDArray[np.float64]:
    """Lay out the centres of a cylinder's cells, [52, 2], around a minutia that looks along the first axis."""
    steps = (np.arange(shape.across) - (shape.across - 1) / 2) * shape.step
    square = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.float64)
    inside: NDArray[np.bool_] = np.sum(square**2, axis=1) <= shape.radius**2
    return square[inside]


@functools.cache
def _place_numbers(shape: CylinderShape) -> NDArray[np.intp]:
    """Number the places by row and column of the grid, with a border around it; -1 where there is none."""
    numbers = np.full((shape.across + 2, shape.across + 2), -1, dtype=np.intp)
    lines = np.rint(grid(shape) / shape.step + (shape.across - 1) / 2).astype(np.intp) + 1
    numbers[lines[:, 0], lines[:, 1]] = np.arange(len(lines))
    return numbers


@functools.cache
def _angle_parts(shape: CylinderShape) -> NDArray[np.float64]:
    """Tabulate the part of a neighbour's weight that goes to each bin, [steps, bins], by its angle from -pi up.

    It is the integral of a normal density over the bin (eq. 9 to 11).
    """
    difference = -math.pi + np.arange(_TABLE_STEPS) * (2 * math.pi / _TABLE_STEPS)
    width = 2 * math.pi / shape.bins
    middles = -math.pi + (np.arange(shape.bins) + 0.5) * width
    apart = np.remainder(difference[:, None] - middles + math.pi, 2 * math.pi) - math.pi
    scale = shape.angle_spread * math.sqrt(2)
    error_function = np.vectorize(math.erf, otypes=[np.float64])
    upper: NDArray[np.float64] = error_function((apart + width / 2) / scale)
    lower: NDArray[np.float64] = error_function((apart - width / 2) / scale)
    return (upper - lower) / 2


@functools.cache
def _directions() -> NDArray[np.float64]:
    """Give unit vectors all around, [2, 64]."""
    turns = np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS)
    return np.stack((np.cos(turns), np.sin(turns)))


def _places(
    spots: NDArray[np.float64], angles: NDArray[np.float64], shape: CylinderShape
) -> NDArray[np.float64]:
    """Lay the places around minutiae, turned as they are: [n, places, 2]."""
    return spots[:, None] + _turned(grid(shape), angles[:, None])


def _turned(vectors: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn vectors [..., 2] counter-clockwise."""
    cosine, sine = np.cos(angles), np.sin(angles)
    x, y = vectors[..., 0], vectors[..., 1]
    turned: NDArray[np.float64] = np.stack((cosine * x - sine * y, sine * x + cosine * y), axis=-1)
    return turned


def _inside(
    places: NDArray[np.float64], spots: NDArray[np.float64], shape: CylinderShape
) -> NDArray[np.bool_]:
    furthest = np.max(spots @ _directions(), axis=0, initial=-np.inf) + shape.margin
    inside: NDArray[np.bool_] = np.all(places @ _directions() <= furthest, axis=-1)
    return inside


def _neighbours(
    apart: NDArray[np.float64], near: NDArray[np.bool_], shape: CylinderShape
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair each cylinder with the minutiae that count in it, nearest first."""
    order = np.argsort(apart, axis=1, kind="stable")[:, : shape.neighbours_counted]
    owner, rank = np.nonzero(np.take_along_axis(near, order, axis=1))
    return owner, order[owner, rank]


def _sums(
    away: NDArray[np.float64],
    turns: NDArray[np.float64],
    owner: NDArray[np.intp],
    *,
    shape: CylinderShape,
    count: int,
) -> NDArray[np.float64]:
    """Add up the neighbours' contributions (eq. 6): [count, places, bins].

    Args:
        away: [pairs, 2], from each cylinder's minutia to the neighbour, as the minutia sees it.
        turns: [pairs], the cylinder's angle less the neighbour's.
        owner: [pairs], the cylinder of each pair.
        shape: the constants.
        count: of cylinders.
    """
    pair, place, square = _reached(away, shape)
    spread = shape.place_spread
    weight = np.exp(square / (-2 * spread**2)) / (spread * math.sqrt(2 * math.pi))
    step = np.rint((turns + math.pi) * (_TABLE_STEPS / (2 * math.pi))).astype(np.intp) % _TABLE_STEPS
    given = weight[:, None] * _angle_parts(shape)[step[pair]]
    size = len(grid(shape))
    cell = (owner[pair] * size + place)[:, None] * shape.bins + np.arange(shape.bins)
    sums: NDArray[np.float64] = np.bincount(
        cell.ravel(), given.ravel(), minlength=count * size * shape.bins
    ).astype(np.float64)  # of no pair at all it makes integers
    return sums.reshape(count, size, shape.bins)


def _reached(
    away: NDArray[np.float64], shape: CylinderShape
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Find the places that neighbours reach: pair, place and square of the distance of each.

    Of the whole grid a neighbour reaches a small square at most, and no more is looked at.
    """
    wide = math.floor(2 * shape.reach / shape.step) + 1
    first = np.ceil((away - shape.reach) / shape.step + (shape.across - 1) / 2).astype(np.intp)
    lines = first[..., None] + np.arange(wide)
    squares = ((lines - (shape.across - 1) / 2) * shape.step - away[..., None]) ** 2
    place = _place_numbers(shape)[
        np.clip(lines[:, 0, :, None] + 1, 0, shape.across + 1),
        np.clip(lines[:, 1, None, :] + 1, 0, shape.across + 1),
    ]
    square = squares[:, 0, :, None] + squares[:, 1, None, :]
    found = np.nonzero((square <= shape.reach**2) & (place >= 0))
    return found[0], place[found], square[found]
