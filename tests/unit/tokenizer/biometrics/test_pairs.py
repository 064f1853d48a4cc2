"""Which pairs are compared: all genuine ones, and a fixed choice of impostors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tokenizer.biometrics import pairs
from tokenizer.biometrics.pairs import PairsError, choose

INSTANCES = np.array([5, 5, 5, 7, 7, 9])
ONE_GROUP = np.zeros(6, dtype=np.int64)


def as_set(found: np.ndarray) -> set[tuple[int, int]]:
    """Read rows as pairs."""
    return {(int(first), int(second)) for first, second in found}


def test_every_genuine_pair_and_every_impostor_pair_stands_once() -> None:
    """With few samples nothing is left out."""
    chosen = choose(INSTANCES, ONE_GROUP, impostors=1000)
    assert as_set(chosen.genuine) == {(0, 1), (0, 2), (1, 2), (3, 4)}
    every = set(itertools.combinations(range(6), 2))
    assert as_set(chosen.impostors) == every - as_set(chosen.genuine)
    assert (len(chosen.genuine), len(chosen.impostors)) == (4, 11)


def test_sensors_are_not_told_apart() -> None:
    """Samples of two sensors are never an impostor pair."""
    chosen = choose(INSTANCES, np.array([1, 1, 1, 2, 2, 1]), impostors=1000)
    assert as_set(chosen.impostors) == {(0, 5), (1, 5), (2, 5)}


@pytest.mark.parametrize("few", [2_000_000, 10])
def test_a_choice_is_of_its_size_and_the_same_again(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Impostor pairs are drawn without repetition, by a seed, from a list of all and by trying."""
    monkeypatch.setattr(pairs, "_FEW_PAIRS", few)
    instances = np.arange(300) // 3
    first, again, other = (
        choose(instances, np.zeros(300, dtype=np.int64), impostors=500, seed=seed).impostors
        for seed in (1, 1, 2)
    )
    assert len(as_set(first)) == len(first) == 500
    assert all(instances[a] != instances[b] and a < b for a, b in first)
    assert as_set(first) == as_set(again) != as_set(other)


@pytest.mark.parametrize("few", [2_000_000, 10])
def test_every_two_people_are_compared_once_before_any_two_again(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Spread, 45 pairs of 10 people take 45 comparisons; more of them are others of the same people, each once."""
    monkeypatch.setattr(pairs, "_FEW_PAIRS", few)
    instances, groups = np.arange(100) % 10, np.zeros(100, dtype=np.int64)
    for wanted, of_people in ((20, 20), (45, 45), (400, 45), (10_000, 45)):
        found, again = (choose(instances, groups, impostors=wanted, spread=True).impostors for _ in range(2))
        assert len(as_set(found)) == len(found) == min(wanted, 4_500)
        assert all(instances[a] != instances[b] and a < b for a, b in found)
        assert (pairs.people(found, instances), as_set(found)) == (of_people, as_set(again))
    assert pairs.people(choose(instances, groups, impostors=45).impostors, instances) < 45


def test_a_spread_choice_leaves_sensors_apart() -> None:
    """Samples of two sensors are no pair there either, and a person of two sensors counts once."""
    chosen = choose(INSTANCES, np.array([1, 1, 2, 2, 1, 1]), impostors=1000, spread=True).impostors
    assert as_set(chosen) == {(0, 4), (1, 4), (0, 5), (1, 5), (4, 5), (2, 3)}
    assert pairs.people(chosen, INSTANCES) == 3


@pytest.mark.parametrize("instances", [[1, 2, 3], [1, 1, 1], []])
def test_a_set_without_pairs_is_refused(instances: list[int]) -> None:
    """A kind of which there is none cannot be measured."""
    given = np.array(instances, dtype=np.int64)
    for spread in (False, True):
        with pytest.raises(PairsError):
            choose(given, np.zeros_like(given), impostors=10, spread=spread)
