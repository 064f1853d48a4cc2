"""Dates, day numbers and dyadic prefixes."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer import dates
from tokenizer.errors import RuleError

TODAY = date(2026, 6, 1)
NUMBERS = st.integers(min_value=0, max_value=dates.LAST_NUMBER)


@pytest.mark.parametrize(
    "value",
    [
        "1980-07-01",
        "01-07-1980",
        "1-7-1980",
        "01/07/1980",
        " 1980-07-01 ",
        "1980-07-01 00:00:00",
        date(1980, 7, 1),
    ],
)
def test_the_usual_ways_to_write_a_date_are_read(value: str | date) -> None:
    """ISO and day-first dates, and what databases hand out."""
    assert dates.parse(value, today=TODAY) == date(1980, 7, 1)


def test_a_time_of_day_is_dropped() -> None:
    """A database that keeps a timestamp means its day."""
    assert dates.parse(datetime(1980, 7, 1, 13, 5), today=TODAY) == date(1980, 7, 1)  # noqa: DTZ001 - as a table gives it


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("1980-02-30", "date.impossible"),
        ("31-04-1980", "date.impossible"),
        ("29-02-1900", "date.impossible"),
        ("00-07-1980", "date.impossible"),
        ("01-13-1980", "date.impossible"),
        ("2026-06-02", "date.future"),
        ("1874-12-31", "date.too_early"),
        ("0000-01-01", "date.impossible"),
        ("01071980", "date.format"),
        ("1980", "date.format"),
        ("July 1, 1980", "date.format"),
        ("1980-07-01x", "date.format"),
        ("\u0661\u0669\u0668\u0660-\u0660\u0667-\u0660\u0661", "date.format"),
        ("01-07-80", "date.format"),
        ("", "date.format"),
    ],
)
def test_other_dates_are_refused_by_rule(value: str, rule: str) -> None:
    """Each way to be wrong has its rule."""
    with pytest.raises(RuleError) as caught:
        dates.parse(value, today=TODAY)
    assert caught.value.rule == rule
    assert not value or value not in str(caught.value)


def test_day_numbers_count_from_1875_and_are_clamped() -> None:
    """The epoch is 1875-01-01; what does not fit in 16 bits takes the nearest number."""
    assert dates.day_number(date(1875, 1, 1)) == 0
    assert dates.day_number(date(1875, 1, 2)) == 1
    assert dates.day_number(date(1800, 1, 1)) == 0
    assert dates.day_number(date(2054, 6, 6)) == dates.LAST_NUMBER
    assert dates.day_number(date(2100, 1, 1)) == dates.LAST_NUMBER


@given(last=NUMBERS.filter(lambda number: number < dates.LAST_NUMBER), number=NUMBERS)
def test_a_cover_holds_exactly_the_days_up_to_its_last(last: int, number: int) -> None:
    """A day is in the interval if and only if one real prefix of the cover is among its own."""
    own = set(dates.prefixes(number))
    hits = [real and (level, prefix) in own for level, prefix, real in dates.cover(last)]
    assert any(hits) == (number <= last)
    assert sum(hits) <= 1


@given(NUMBERS.filter(lambda number: number < dates.LAST_NUMBER))
def test_a_cover_is_always_sixteen_tests(last: int) -> None:
    """The number of tests says nothing about the day."""
    assert [level for level, _, _ in dates.cover(last)] == list(range(1, 17))


@given(NUMBERS)
def test_a_day_has_seventeen_prefixes_that_fit_their_length(number: int) -> None:
    """From the empty prefix to the whole number."""
    found = dates.prefixes(number)
    assert [level for level, _ in found] == list(range(17))
    assert all(prefix < 1 << level for level, prefix in found)
    assert found[-1] == (16, number)


@pytest.mark.parametrize(
    ("born", "as_of", "age", "reached"),
    [
        (date(2009, 6, 1), date(2026, 6, 1), 17, True),
        (date(2009, 6, 2), date(2026, 6, 1), 17, False),
        (date(2008, 2, 29), date(2025, 2, 28), 17, False),
        (date(2008, 2, 29), date(2025, 3, 1), 17, True),
        (date(2007, 2, 28), date(2024, 2, 29), 17, True),
        (date(2007, 3, 1), date(2024, 2, 29), 17, False),
        (date(2004, 2, 29), date(2024, 2, 29), 20, True),
        (date(1875, 1, 1), date(2025, 1, 1), 150, True),
    ],
)
def test_ages_are_completed_years(born: date, as_of: date, age: int, reached: bool) -> None:  # noqa: FBT001 - a table
    """Birthdays count from their own day, leap days on 1 March where the year has none."""
    assert (born <= dates.latest_birth(as_of, age)) == reached
