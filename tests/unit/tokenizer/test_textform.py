"""What is compared of a text."""

from __future__ import annotations

import pickle

import pytest

from tokenizer.attribute import Kind
from tokenizer.errors import RuleError
from tokenizer.suite import BIGRAMS
from tokenizer.textform import form


def test_a_name_is_compared_by_words_and_a_place_by_letters() -> None:
    """Only names tell words apart; where they end does not matter for places."""
    name, place = form(Kind.NAME, "NUR HALIZA"), form(Kind.PLACE, "PASAR MINGGU")
    assert name.tolerant == b"NUR HALIZA"
    assert name.name is not None
    assert name.name.joined == b"NURHALIZA"
    assert name.name.words == 2
    assert place.tolerant == b"PASARMINGU"
    assert place.name is None


def test_the_guard_is_the_ends_of_words_and_all_letters() -> None:
    """Two neighbouring letters exchanged inside a word keep it, another letter does not."""
    guards = [
        form(Kind.NAME, text).name
        for text in ("SUTRISNO HADI", "SURTISNO HADI", "SUTRISNA HADI", "HADI SUTRISNO")
    ]
    assert guards[0] is not None
    assert [guards[0].guard == other.guard for other in guards if other] == [True, True, False, False]


def test_bigrams_are_padded_at_every_word() -> None:
    """A word of n letters has n + 1 bigrams, each below the number of all."""
    assert len(form(Kind.NAME, "DWI").grams) == 4
    assert len(form(Kind.NAME, "DWI DWI").grams) == 4
    assert all(0 <= gram < BIGRAMS for gram in form(Kind.ADDRESS, "JALAN MAWAR 12 BLOK C9").grams)


def test_a_form_hides_itself() -> None:
    """No repr and no pickle shows the text."""
    found = form(Kind.NAME, "SUTRISNO")
    assert "SUTRIS" not in repr(found)
    with pytest.raises(TypeError):
        pickle.dumps(found)


@pytest.mark.parametrize("text", ["", "   ", ".", "'", "---", "123"])
def test_a_text_without_a_letter_is_refused(text: str) -> None:
    """An empty name equals nothing."""
    with pytest.raises(RuleError) as caught:
        form(Kind.NAME, text)
    assert caught.value.rule in {"value.empty", "text.no_letter"}
