"""Distortions of names."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from verifier.synthetic import distort


@given(st.integers(), st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ ", max_size=30))
def test_a_typing_error_always_changes_the_text(seed: int, text: str) -> None:
    """One error gives another text, of nearly the same length."""
    changed = distort.typo(Random(seed), text)
    assert changed != text
    assert abs(len(changed) - len(text)) <= 1


@given(st.integers(), st.from_regex(r"[A-Z]{1,10}( [A-Z]{1,10})?", fullmatch=True))
def test_a_twin_has_another_name_with_the_same_end(seed: int, name: str) -> None:
    """Twins differ in their first word only."""
    twin = distort.twin(Random(seed), name)
    assert twin != name
    assert twin.partition(" ")[2] == name.partition(" ")[2]


def test_old_spelling_is_that_of_van_ophuijsen() -> None:
    """Each of the four letters is written in the old way."""
    assert distort.old_spelling("JUNAIDI CAHYU") == "DJOENAIDI TJAHJOE"
