"""Synthetic numbers."""

from __future__ import annotations

from datetime import date

import pytest

from padan import nik
from verifier.synthetic.numbers import FIRST_SERIAL, UNKNOWN_SERIAL, Serials, SerialsError


def test_numbers_are_valid_synthetic_and_unique() -> None:
    """A district and month give out valid NIKs with serials from 9000, each once, and none from 9990."""
    serials = Serials(["310101"])
    numbers = [
        serials.take("310101", date(1990, 5, 1 + count % 28), female=count % 2 == 0) for count in range(990)
    ]
    assert len(set(numbers)) == 990
    for number in numbers:
        nik.parse(number, date(2026, 1, 1))
        assert FIRST_SERIAL <= int(number[12:]) < UNKNOWN_SERIAL


def test_a_used_up_month_is_refused() -> None:
    """A month without serials says so, and another year goes on."""
    serials = Serials(["310101"])
    for _ in range(990):
        serials.take("310101", date(1990, 5, 1))
    with pytest.raises(SerialsError):
        serials.take("310101", date(1990, 5, 2))
    assert serials.take("310101", date(1991, 5, 2)) == "3101010205919000"


def test_two_centuries_share_their_serials() -> None:
    """1925 and 2025 are the same two digits and never the same number."""
    serials = Serials(["310101"])
    assert serials.take("310101", date(1925, 5, 2)) != serials.take("310101", date(2025, 5, 2))
