"""Bloom filters."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer import bloom
from tokenizer.attribute import Attribute
from tokenizer.suite import BIGRAMS, SUITE

SUITE_NAME = SUITE.filters[Attribute.NAME]
SUITE_PLACE = SUITE.filters[Attribute.BIRTH_PLACE]
KEY = bytes(range(32))
GRAMS = st.frozensets(st.integers(min_value=0, max_value=BIGRAMS - 1), max_size=60)
SEEDS = st.binary(min_size=16, max_size=16)


@given(GRAMS, SEEDS)
def test_a_filter_fits_its_size_and_is_a_function_of_seed_and_bigrams(
    grams: frozenset[int], seed: bytes
) -> None:
    """The same input gives the same bits, never more than there are bigrams."""
    key = bloom.FilterKey(KEY, SUITE_NAME)
    bits = key.encode(seed, grams)
    assert bits == bloom.FilterKey(KEY, SUITE_NAME).encode(seed, sorted(grams))
    assert bits >> SUITE_NAME.bits == 0
    assert bits.bit_count() <= len(grams)


@given(GRAMS, SEEDS)
def test_a_smaller_filter_is_the_larger_one_folded(grams: frozenset[int], seed: bytes) -> None:
    """Positions are taken modulo the size."""
    large = bloom.FilterKey(KEY, SUITE_NAME).encode(seed, grams)
    small = bloom.FilterKey(KEY, SUITE_PLACE).encode(seed, grams)
    assert small == (large | large >> SUITE_PLACE.bits) & (1 << SUITE_PLACE.bits) - 1


def test_two_records_share_no_pattern() -> None:
    """The same bigrams under two seeds, or two keys, give filters that overlap by chance only."""
    grams = range(0, BIGRAMS, 40)
    key = bloom.FilterKey(KEY, SUITE_NAME)
    one = key.encode(bytes(16), grams)
    others = [key.encode(bytes([n]) * 16, grams) for n in range(1, 60)]
    others += [bloom.FilterKey(bytes([n]) * 32, SUITE_NAME).encode(bytes(16), grams) for n in range(1, 60)]
    overlap = sum((one & other).bit_count() for other in others) / len(others)
    assert overlap < 3  # 35 bits in 1,024 meet about once


def test_similarity_is_dice_with_the_threshold_included() -> None:
    """Twice the common bits over all bits, compared with the suite's thousandths."""
    ten = (1 << 10) - 1
    assert SUITE_NAME.threshold == 800
    assert bloom.similar(ten, ten, SUITE_NAME)
    assert bloom.similar(ten, 0b11 << 8 | (1 << 8) - 1, SUITE_NAME)
    assert bloom.similar(ten, (1 << 8) - 1 | 0b11 << 20, SUITE_NAME)
    assert not bloom.similar(ten, (1 << 7) - 1 | 0b111 << 20, SUITE_NAME)


def test_scattered_bits_stay_inside() -> None:
    """Each two bytes set one bit of the filter."""
    assert bloom.scatter(b"", 64) == 0
    assert bloom.scatter(bytes(range(256)), 64).bit_length() <= 64
    assert bloom.scatter(b"\x05\x05\x05\x05", 1024) == 1 << 0x105


def test_empty_filters_are_not_similar() -> None:
    """Nothing is not like nothing."""
    assert not bloom.similar(0, 0, SUITE_NAME)
    assert not bloom.similar(0, 1, SUITE_NAME)


def test_a_filter_key_hides_itself() -> None:
    """No repr and no pickle shows it."""
    key = bloom.FilterKey(KEY, SUITE_NAME)
    assert KEY.hex() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_sizes_are_powers_of_two_that_the_bit_table_covers() -> None:
    """A mask is only a modulus for powers of two."""
    for suite in SUITE.filters.values():
        assert suite.bits & suite.bits - 1 == 0
        assert suite.bits <= 1024
