"""Pools and patterns of names."""

from __future__ import annotations

from random import Random

import pytest

from verifier.synthetic import words


def test_a_pool_reads_shares_and_spaces() -> None:
    """A star gives shares, an underscore stands for a space, words are in capitals."""
    assert words.pool("Siti*2 Cut_Meutia") == ("SITI", "SITI", "CUT MEUTIA")


@pytest.mark.parametrize("text", ["", "  ", "Siti*x"])
def test_a_bad_pool_is_refused(text: str) -> None:
    """A pool without words or with a share that is no number is an error."""
    with pytest.raises(words.WordsError):
        words.pool(text)


def test_a_pattern_joins_words_and_literals() -> None:
    """A template's literals stay, slots take words, given words win."""
    pools = {"male": words.pool("Hasan"), "family": words.pool("Lubis")}
    patterns = words.patterns(["1 {male} bin {male} {family}"], pools)
    assert patterns.draw(Random(1), {}) == "HASAN BIN HASAN LUBIS"
    assert patterns.draw(Random(1), {"family": "POHAN"}) == "HASAN BIN HASAN POHAN"


def test_a_pattern_without_a_pool_is_refused() -> None:
    """A slot must have its pool."""
    with pytest.raises(words.WordsError):
        words.patterns(["1 {female}"], {"male": words.pool("Hasan")})
