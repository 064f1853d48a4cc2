"""Dates as 16-bit day numbers, and comparisons of dates as membership in dyadic prefixes.

A day number counts days since 1875-01-01, clamped to 0 .. 65,535 (2054-06-06). A record holds the tokens of the 17
prefixes (lengths 0 to 16) of its birth day. "Born on or before day D" is "one of the prefixes covering [0, D] is
among them"; the cover has at most one prefix of each length 1 to 16, so a question is always 16 tests, real or not.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from typing import Final

from tokenizer.errors import RuleError

FIRST_DAY: Final = date(1875, 1, 1)
BITS: Final = 16
LEVELS: Final = BITS + 1
LAST_NUMBER: Final = (1 << BITS) - 1
_FIRST_ORDINAL = FIRST_DAY.toordinal()
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ]00:00:00(?:\.0+)?)?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[-/]([0-9]{1,2})[-/]([0-9]{4})")


def day_number(day: date) -> int:
    """Count the days since 1875-01-01, clamped to 16 bits."""
    return min(max(day.toordinal() - _FIRST_ORDINAL, 0), LAST_NUMBER)


def parse(value: str | date, *, today: date) -> date:
    """Read a birth date: YYYY-MM-DD, DD-MM-YYYY, DD/MM/YYYY, or a date of Python.

    Raises:
        RuleError: "date.format", "date.impossible", "date.future" or "date.too_early".
    """
    day = _read(value) if isinstance(value, str) else value
    if isinstance(day, datetime):
        day = day.date()
    if day > today:
        raise RuleError("date.future")
    if day < FIRST_DAY:
        raise RuleError("date.too_early")
    return day


def _read(text: str) -> date:
    text = text.strip()
    if match := _ISO.fullmatch(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = match.groups()
    else:
        raise RuleError("date.format")
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise RuleError("date.impossible") from None


def latest_birth(as_of: date, age: int) -> date:
    """Say the last day of birth of whoever is `age` completed years old on `as_of`.

    Who was born on 29 February completes a year on 1 March where there is no 29 February.
    """
    year = as_of.year - age
    if year < FIRST_DAY.year:
        return FIRST_DAY
    if (as_of.month, as_of.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28)
    return as_of.replace(year=year)


def cover(last: int) -> tuple[tuple[int, int, bool], ...]:
    """Cover the day numbers 0 to `last` with prefixes.

    Args:
        last: a day number below 65,535.

    Returns:
        for each length 1 to 16 a triple (length, prefix, real): where `real` is false the prefix is a dummy
        of the same cost whose hit must not count.
    """
    end = last + 1
    return tuple(_cover_at(end, level) for level in range(1, LEVELS))


def _cover_at(end: int, level: int) -> tuple[int, int, bool]:
    shift = BITS - level
    head = end >> shift
    return level, head & ~1 & 0xFFFF, bool(head & 1)


def prefixes(number: int) -> tuple[tuple[int, int], ...]:
    """Say the 17 prefixes of a day number as (length, prefix)."""
    return tuple((level, number >> (BITS - level)) for level in range(LEVELS))
