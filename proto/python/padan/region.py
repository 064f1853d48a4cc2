"""Names and standing of the region codes with which a NIK begins.

Two digits are a province, four a regency or city, six a district (kecamatan), as the Ministry of Home
Affairs (Kemendagri) numbers them; the codes of the statistics office (BPS) differ. A code is `current` when
the decree 300.2.2-2138/2025 lists it, `retired` when only an older decree did, else `unknown`. Codes are
never reused: of a regency that was dissolved every district counts as retired, listed or not.

Assumes data/regions.csv beside this module (its licence and origin: data/NOTICE.md), read once, at first use.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Status = Literal["current", "retired", "unknown"]
_SIZES = (2, 4, 6)  # digits of a province, a regency, a district


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What is known of a code; a name is None where the code is too short for it, or in no list."""

    status: Status
    province: str | None = None
    regency: str | None = None
    """Without "Kabupaten", as usual in Indonesia; a city keeps its "Kota"."""
    district: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of the table."""

    name: str
    current: bool


@functools.cache
def table() -> Mapping[str, Listed]:
    """Read the table: code of 2, 4 or 6 digits to name and standing. About 10 ms, once."""
    text = resources.files("padan").joinpath("data", "regions.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["code"]: Listed(name=row["name"], current=row["status"] == "current") for row in rows}


def find(code: str) -> Region:
    """Look a code of 2, 4 or 6 digits up.

    Args:
        code: anything; what is in no list is `unknown`.
    """
    listed = table()
    names = [listed.get(code[:size]) for size in _SIZES if size <= len(code)]
    shown = [entry.name.removeprefix("Kabupaten ") if entry else None for entry in names] + [None] * len(
        _SIZES
    )
    province, regency, district = shown[: len(_SIZES)]
    return Region(
        status=_status(names, listed.get(code)), province=province, regency=regency, district=district
    )


def _status(names: list[Listed | None], own: Listed | None) -> Status:
    if own is not None:
        return "current" if own.current else "retired"
    above = [entry for entry in names[:-1] if entry is not None]
    dissolved = len(above) == len(names) - 1 and bool(above) and not above[-1].current
    return "retired" if dissolved else "unknown"
