"""Spelling of names."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.normalise import lexicon, spelling

WORDS = st.text(alphabet=string.ascii_uppercase + string.digits, min_size=1, max_size=16)


@given(WORDS)
def test_folding_a_word_is_idempotent(word: str) -> None:
    """A folded word stays as it is, and no word folds to nothing."""
    folded = spelling.fold(word)
    assert folded
    assert spelling.fold(folded) == folded


@pytest.mark.parametrize(
    ("old", "modern"),
    [
        ("OEMAR", "UMAR"),
        ("DJOKO", "JOKO"),
        ("TJAHJA", "CAHYA"),
        ("SJAHRIR", "SYAHRIR"),
        ("NJOTO", "NYOTO"),
        ("CHAIRIL", "KHAIRIL"),
        ("SOERJADI", "SURYADI"),
        ("ADITJA", "ADITYA"),
        ("JAHJA", "YAHYA"),
        ("PANDJAITAN", "PANJAITAN"),
    ],
)
def test_old_spelling_folds_to_the_modern_word(old: str, modern: str) -> None:
    """Every digraph of the old spellings, and j for y."""
    assert spelling.fold(old) == spelling.fold(modern)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TUTI", "TITI"),
        ("RINA", "RINI"),
        ("EKO", "EKA"),
        ("UMI", "AMI"),
        ("DEWI", "DEVI"),
        ("LISA", "LIZA"),
        ("SARI", "SARA"),
    ],
)
def test_vowels_and_the_sounds_that_tell_names_apart_stay(one: str, other: str) -> None:
    """Folding never joins names that differ in a vowel, w and v, or s and z."""
    assert spelling.fold(one) != spelling.fold(other)


@given(WORDS, st.booleans(), st.booleans())
def test_a_word_is_never_lost_unless_it_is_a_particle(word: str, first: bool, final: bool) -> None:  # noqa: FBT001 - drawn
    """Only particles between words vanish."""
    written = spelling.spell(word, first=first, final=final)
    assert written or (word in lexicon.PARTICLES and not first and not final)
    assert all(written)


def test_abbreviations_of_one_name_are_not_those_of_another() -> None:
    """The tables of the lexicon do not overlap."""
    tables = (lexicon.MUHAMMAD, lexicon.AHMAD, lexicon.ABDUL, lexicon.SITI, lexicon.PARTICLES)
    assert sum(map(len, tables)) == len(frozenset().union(*tables))
    assert lexicon.PLAIN_DEGREES <= lexicon.DEGREES
