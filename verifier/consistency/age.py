"""How old a row of the source is, counted from its last change to the day of the epoch, in groups. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

UNDATED: Final = 0
GROUPS: Final = (
    "undated",
    "changed after the epoch's day",
    "0 to 1 days",
    "2 to 7 days",
    "8 to 30 days",
    "31 to 365 days",
    "over a year",
)
_LAST_DAYS: Final = (-1, 1, 7, 30, 365)
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[-/]([0-9]{1,2})[-/]([0-9]{4})(?:[T ].*)?")


def group(text: str, epoch_day: date) -> int:
    """Find the group of a row; what is no day is undated.

    Args:
        text: the row's last change, YYYY-MM-DD, DD-MM-YYYY or DD/MM/YYYY; a time after it is passed over.
        epoch_day: the day whose state the epoch shows.
    """
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = match.groups()
    else:
        return UNDATED
    try:
        days = (epoch_day - date(int(year), int(month), int(day))).days
    except ValueError:
        return UNDATED
    return next((number for number, last in enumerate(_LAST_DAYS, 1) if days <= last), len(GROUPS) - 1)
