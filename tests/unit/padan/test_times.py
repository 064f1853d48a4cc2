"""Spans of time as people read them."""

from __future__ import annotations

import pytest

from padan import times


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 min 0 s"),
        (3_599.9, "59 min 59 s"),
        (3_600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (93_720.5, "1 d 2 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, text: str) -> None:
    """Cut, not rounded."""
    assert times.span(seconds) == text
