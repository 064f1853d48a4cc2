"""Region codes."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from padan import region


def test_table_has_every_level() -> None:
    """38 provinces, over 500 regencies and over 7,200 districts are current; over 500 districts are retired."""
    current = [code for code, entry in region.table().items() if entry.current]
    retired = [code for code, entry in region.table().items() if not entry.current]
    assert [sum(len(code) == size for code in current) for size in (2, 4, 6)] == [38, 514, 7285]
    assert [sum(len(code) == size for code in retired) for size in (2, 4, 6)] == [0, 26, 523]


def test_every_code_stands_under_the_codes_above_it() -> None:
    """No district without its regency, no regency without its province."""
    listed = region.table()
    for code in listed:
        assert all(code[:size] in listed for size in (2, 4) if size < len(code))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("32", ("current", "Jawa Barat", None, None)),
        ("3273", ("current", "Jawa Barat", "Kota Bandung", None)),
        ("320411", ("current", "Jawa Barat", "Bandung", "Katapang")),
        ("9101", ("retired", "Papua", "Merauke", None)),
        ("910199", ("retired", "Papua", "Merauke", None)),
        ("9199", ("unknown", "Papua", None, None)),
        ("99", ("unknown", None, None, None)),
        ("", ("unknown", None, None, None)),
        ("nonsense", ("unknown", None, None, None)),
    ],
)
def test_find(code: str, expected: tuple[str, str | None, str | None, str | None]) -> None:
    """A code gives its standing and the names that are known of it."""
    found = region.find(code)
    assert (found.status, found.province, found.regency, found.district) == expected


def test_coverage_of_the_shared_list() -> None:
    """Every code of $PADAN_DATA's list has the standing that the list gives; unconfirmed codes are unknown."""
    folder = os.environ.get("PADAN_DATA")
    if folder:
        text = (Path(folder) / "wilayah-kecamatan.csv").read_text(encoding="utf-8")
        expected = [(row["code"], row["status"]) for row in csv.DictReader(text.splitlines())]
    else:
        expected = [
            ("110101", "current"),
            ("910101", "retired"),
            ("910822", "retired"),
            ("960139", "unconfirmed"),
        ]
    wanted = {code: "unknown" if status == "unconfirmed" else status for code, status in expected}
    assert {code: region.find(code).status for code in wanted} == wanted
