"""Which samples of a set are compared: every pair of one person's, and a fixed random choice of two people's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED: Final = 24745
"""Of every random choice of an evaluation, so that a second run gives the same figures."""
_ENOUGH_TRIES: Final = 200


class PairsError(TokenizerError):
    """A set has no two samples of one instance, or of two instances that may be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of samples, each once.

    Attributes:
        genuine: int64 [n, 2], first the sample that is enrolled, then the probe.
        impostors: the same, of two instances.
    """

    genuine: NDArray[np.int64]
    impostors: NDArray[np.int64]


def choose(
    instances: NDArray[np.int64],
    groups: NDArray[np.int64],
    *,
    impostors: int,
    seed: int = SEED,
    spread: bool = False,
) -> Pairs:
    """Choose all genuine pairs, and at most so many impostor pairs.

    Args:
        instances: which face, finger or eye each sample is of.
        groups: samples of two groups are never an impostor pair: of two sensors, which would tell them apart.
        impostors: how many are wanted; all, where there are not more.
        seed: of the choice.
        spread: compare every two people once before any two again, since the second time says little that is new.

    Raises:
        PairsError: there is no pair of a kind.
    """
    genuine = _genuine(instances)
    draw = _spread if spread else _impostors
    other = draw(instances, groups, impostors, np.random.default_rng(seed))
    if not len(genuine):
        raise PairsError("no face, finger or eye has two samples that are good enough")
    if not len(other):
        raise PairsError("there are no samples of two faces, fingers or eyes that are good enough")
    return Pairs(genuine=genuine, impostors=other)


def people(pairs: NDArray[np.int64], instances: NDArray[np.int64]) -> int:
    """Count how many different pairs of instances are among pairs of samples."""
    return len(np.unique(np.sort(instances[pairs], axis=1), axis=0))


def _genuine(instances: NDArray[np.int64]) -> NDArray[np.int64]:
    found = [np.zeros((0, 2), dtype=np.int64)]
    for instance in np.unique(instances):
        samples = np.flatnonzero(instances == instance)
        first, second = np.triu_indices(samples.size, k=1)
        found.append(np.stack((samples[first], samples[second]), axis=1))
    return np.concatenate(found)


def _impostors(
    instances: NDArray[np.int64], groups: NDArray[np.int64], wanted: int, random: np.random.Generator
) -> NDArray[np.int64]:
    count = instances.size
    every = count * (count - 1) // 2
    if every <= max(_FEW_PAIRS, 4 * wanted):
        first, second = np.triu_indices(count, k=1)
        allowed = _allowed(instances, groups, first, second)
        pairs = np.stack((first[allowed], second[allowed]), axis=1).astype(np.int64)
        chosen = random.permutation(len(pairs))[:wanted]
        return pairs[np.sort(chosen)]
    keys = np.zeros(0, dtype=np.int64)
    for _ in range(_ENOUGH_TRIES):
        low, high = np.sort(random.integers(count, size=(2, 2 * wanted)), axis=0)
        allowed = _allowed(instances, groups, low, high) & (low < high)
        keys = np.unique(np.concatenate((keys, low[allowed] * count + high[allowed])))
        if keys.size >= wanted:
            break
    chosen = np.sort(random.permutation(keys)[:wanted])
    return np.stack((chosen // count, chosen % count), axis=1)


_FEW_PAIRS: Final = 2_000_000


def _spread(
    instances: NDArray[np.int64], groups: NDArray[np.int64], wanted: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Choose of each pair of people one pair of samples, and fill up with others."""
    _, units = np.unique(np.stack((instances, groups), axis=1), axis=0, return_inverse=True)
    order, counts = np.argsort(units.ravel(), kind="stable"), np.bincount(units.ravel())
    starts = np.cumsum(counts) - counts
    owners = order[starts]
    two = _impostors(instances[owners], groups[owners], wanted, random)
    first = np.sort(order[starts[two] + random.integers(counts[two])], axis=1)
    more = _impostors(instances, groups, wanted, random)
    place = np.array([instances.size, 1])
    fresh = random.permutation(more[~np.isin(more @ place, first @ place)])
    chosen: NDArray[np.int64] = np.concatenate((first, fresh[: wanted - len(first)]))
    return chosen


def _allowed(
    instances: NDArray[np.int64],
    groups: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.bool_]:
    apart: NDArray[np.bool_] = (instances[first] != instances[second]) & (groups[first] == groups[second])
    return apart
