"""Synthetic numbers: NIKs and family card numbers that never repeat and are recognised at sight.

A serial begins at 9000: offices count up from 0001 for each district and day and have never come near. Numbers are
unique because each (district, month of two-digit year) hands out each serial once, in 19 MB whatever the
size of the population; a month that is used up makes the caller draw another date. Serials from 9990 are never handed
out, so that a number with one of them is certainly unknown to the registry.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

FIRST_SERIAL = 9000
UNKNOWN_SERIAL = 9990
"""Serials from here on belong to nobody."""
_FEMALE_OFFSET = 40
_MONTHS = 1200


class SerialsError(RuntimeError):
    """A district's serials of this month are used up."""


class Serials:
    """Hands out NIKs, or family card numbers, each once."""

    __slots__ = ("_next", "_rows")

    def __init__(self, districts: Iterable[str]) -> None:
        self._rows = {code: row for row, code in enumerate(dict.fromkeys(districts))}
        self._next = array("H", bytes(2 * _MONTHS * len(self._rows)))

    def take(self, district: str, day: date, *, female: bool = False) -> str:
        """Hand out a number.

        Args:
            district: six digits.
            day: date of birth, or of issue of a family card.
            female: adds 40 to the day, as a NIK does.

        Raises:
            SerialsError: no serial is left for this district and month.
        """
        year, month = day.year % 100, day.month
        place = self._rows[district] * _MONTHS + year * 12 + month - 1
        used = self._next[place]
        if used >= UNKNOWN_SERIAL - FIRST_SERIAL:
            raise SerialsError("no serial is left for this district and month; draw another date")
        self._next[place] = used + 1
        number = day.day + _FEMALE_OFFSET if female else day.day
        return f"{district}{number:02}{month:02}{year:02}{FIRST_SERIAL + used}"
