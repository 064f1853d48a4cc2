"""Names by the thousand: pairs made by rules that were written apart from the normaliser."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tokenizer.attribute import Attribute
from tokenizer.measure import Pair, measure

if TYPE_CHECKING:
    from types import ModuleType

COUNT = 2000
TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """Load the generator, which is a script of the benchmarks."""
    path = Path(__file__).parents[3] / "bench" / "names_generator.py"
    spec = importlib.util.spec_from_file_location("names_generator", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _accepted(generator: ModuleType, name: str) -> dict[str, float]:
    pairs = [
        Pair(name=name, attribute=Attribute.NAME, stored=one, claimed=other)
        for one, other in generator.pairs(name, COUNT, seed=2)
    ]
    levels: dict[str, Any] = measure(pairs, today=TODAY)["levels"]
    return {level: found["classes"][name]["accepted"] / COUNT for level, found in levels.items()}


@pytest.mark.parametrize("name", ["title", "spacing", "apostrophe", "old_spelling", "muhammad"])
def test_the_tolerant_profile_accepts_usual_writings(generator: ModuleType, name: str) -> None:
    """At least 95 in 100 of each class."""
    assert _accepted(generator, name)["tolerant"] >= 0.95


@pytest.mark.parametrize("name", ["old_spelling", "muhammad"])
def test_the_strict_profile_accepts_no_other_spelling(generator: ModuleType, name: str) -> None:
    """What is spelled differently is tolerant only."""
    assert _accepted(generator, name)["strict"] == 0


@pytest.mark.parametrize("name", ["other_word", "sibling", "twin", "missing_word"])
def test_no_profile_accepts_other_people(generator: ModuleType, name: str) -> None:
    """Siblings, twins and people with one name more or less are others."""
    accepted = _accepted(generator, name)
    assert accepted["strict"] == 0
    assert accepted["tolerant"] <= 0.002


def test_another_vowel_is_another_name(generator: ModuleType) -> None:
    """Of names that differ in one vowel hardly any are accepted: only those written either way (AE and AI)."""
    assert _accepted(generator, "other_vowel")["tolerant"] <= 0.01


def test_the_same_seed_gives_the_same_pairs(generator: ModuleType) -> None:
    """Figures can be repeated."""
    assert generator.pairs("twin", 50, seed=3) == generator.pairs("twin", 50, seed=3)
    assert generator.pairs("twin", 50, seed=3) != generator.pairs("twin", 50, seed=4)
