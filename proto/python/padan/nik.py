"""The grammar of the NIK, the national number of a resident of Indonesia.

Sixteen ASCII digits PPRRDD DDMMYY SSSS: province, regency and district of first registration; day of birth
(plus 40 for women), month and two digits of the year; a serial from 0001. There is no check digit, and the
number is for life: it stays when a person moves and when a birth date is corrected. So a well-formed number
whose region is retired or unknown is valid, and nothing here compares it with a person.
Source: PP 37/2007 Art. 37 and PP 40/2019 Art. 30.

Guarantees: `parse` accepts exactly the valid numbers, strips and converts nothing, and no error or repr
carries a digit of the input.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, NoReturn

from padan import region
from padan.errors import NikError

if TYPE_CHECKING:
    from collections.abc import Iterator

NIK_DIGITS = 16
FEMALE_OFFSET = 40
FIRST_CENTURY = 19  # the register of residents holds nobody born before 1900
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Every "DDMM" that exists in some year, for both sexes: one look-up replaces all arithmetic on the hot path.
_DAY_MONTHS = frozenset(
    f"{day + offset:02}{month:02}"
    for month, days in enumerate(_DAYS_IN_MONTH, start=1)
    for day in range(1, days + 1)
    for offset in (0, FEMALE_OFFSET)
)
_LEAP_DAYS = frozenset({"2902", "6902"})
# From this year on 19yy and 2000 lie in the past, so a date that exists in some century is never in the
# future.
_SETTLED_YEAR = 2001

Sex = Literal["M", "F"]
PrefixStatus = Literal["current", "retired", "unknown"]


class Nik:
    """A valid NIK. Keeps its digits out of reprs, messages and pickles; `value` hands them out."""

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        self._value = value

    @property
    def value(self) -> str:
        """The 16 digits."""
        return self._value

    @property
    def prefix(self) -> str:
        """The six digits of the district of first registration."""
        return self._value[:6]

    def __repr__(self) -> str:
        return "Nik(<redacted>)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nik) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Nik is not pickled; pass its value on purpose")


@dataclass(frozen=True, slots=True, kw_only=True)
class NikInfo:
    """What a text says when it is read as a NIK; everything after `reason` is empty where it is not valid."""

    valid: bool
    reason: str | None = None
    """None, or "format", "date" or "serial"."""
    sex: Sex | None = None
    birth_dates: tuple[str, ...] = ()
    """ISO dates in every century in which the date exists and is not in the future; the number has no
    century."""
    prefix_status: PrefixStatus | None = None
    """Advice, never a ground for refusal: about 590 codes of Papua were retired since 2018, people keep
    them."""
    province: str | None = None
    regency: str | None = None
    district: str | None = None


def parse(text: str, today: date) -> Nik:
    """Read a NIK, strictly.

    Args:
        text: exactly 16 ASCII digits.
        today: a birth date after this day is refused.

    Raises:
        NikError: reason "format" (not 16 ASCII digits), "date" (no such day, or in the future) or
            "serial" (0000).
    """
    if len(text) != NIK_DIGITS or not text.isascii() or not text.isdigit():
        raise NikError("a NIK is 16 digits", reason="format")
    day_month = text[6:10]
    if day_month not in _DAY_MONTHS or (
        (day_month in _LEAP_DAYS or today.year < _SETTLED_YEAR) and not any(_birth_dates(text, today))
    ):
        raise NikError("digits 7 to 12 are no date of birth", reason="date")
    if text[12:] == "0000":
        raise NikError("serials start at 0001", reason="serial")
    return Nik(text)


def describe(text: str, today: date) -> NikInfo:
    """Say everything that the digits say by themselves."""
    try:
        nik = parse(text, today)
    except NikError as error:
        return NikInfo(valid=False, reason=error.reason)
    found = region.find(nik.prefix)
    return NikInfo(
        valid=True,
        sex="F" if int(text[6:8]) > FEMALE_OFFSET else "M",
        birth_dates=tuple(day.isoformat() for day in _birth_dates(text, today)),
        prefix_status=found.status,
        province=found.province,
        regency=found.regency,
        district=found.district,
    )


def _birth_dates(text: str, today: date) -> Iterator[date]:
    """Yield the date in each century in which it exists and is not in the future, oldest first."""
    day, month, year = int(text[6:8]) % FEMALE_OFFSET, int(text[8:10]), int(text[10:12])
    for century in range(FIRST_CENTURY, today.year // 100 + 1):
        try:
            born = date(century * 100 + year, month, day)
        except ValueError:
            continue  # 29 February exists in some centuries only
        if born <= today:
            yield born
