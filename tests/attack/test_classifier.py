"""The classifier of answers: it finds what separates them, and nothing where nothing does."""

from __future__ import annotations

import random

import pytest

from tests.attack import classifier

pytestmark = pytest.mark.attack


def _answer(order: random.Random, *, size: int = 180, slow: float = 0.0) -> dict[str, str | float]:
    return {"size": str(size), "status": "OK", "latency": order.gauss(10 + slow, 1)}


def test_auc_counts_ties_as_half() -> None:
    """Equal scores are chance, separated ones certainty."""
    assert classifier.auc([1, 1], [1, 1]) == 0.5
    assert classifier.auc([2, 3], [0, 1]) == 1.0
    assert classifier.auc([0, 2], [1, 3]) == 0.25


def test_alike_answers_are_chance() -> None:
    """Answers of one kind cannot be separated."""
    order = random.Random(1)
    figure = classifier.separation(
        [_answer(order) for _ in range(2_000)], [_answer(order) for _ in range(2_000)], seed=1
    )
    assert abs(figure - 0.5) < 0.03


@pytest.mark.parametrize(("size", "slow"), [(181, 0.0), (180, 0.5)])
def test_a_difference_is_found(size: int, slow: float) -> None:
    """One byte of length, or half a deviation of latency, is found."""
    order = random.Random(2)
    odd = [_answer(order, size=size if order.random() < 0.5 else 180, slow=slow) for _ in range(2_000)]
    even = [_answer(order) for _ in range(2_000)]
    assert classifier.separation(odd, even, seed=2) > 0.55
