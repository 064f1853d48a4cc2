"""Region codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
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


def test_generator_merges_two_packages(tmp_path: Path) -> None:
    """A code that only the older package has is retired; its name is put into title case, postal codes cut off."""
    new, old = tmp_path / "new", tmp_path / "old"
    (new / "data").mkdir(parents=True)
    (old / "dist").mkdir(parents=True)
    for level, row in (
        ("provinces", "91,Papua"),
        ("regencies", "91.03,Kabupaten X"),
        ("districts", "91.03.01,Y"),
    ):
        (new / "data" / f"{level}.csv").write_text(f"code,name\n{row}\n")
    older = {
        "provinsi": {"91": "PAPUA"},
        "kabkot": {"9101": "KAB. MERAUKE"},
        "kecamatan": {"910101": "OKABA -- 99654"},
    }
    (old / "dist" / "wilayah.json").write_text(json.dumps(older))
    target = tmp_path / "regions.csv"
    script = Path(__file__).parents[3] / "proto/python/regions_generate.py"
    subprocess.run([sys.executable, script, new, old, target], check=True)
    assert target.read_text().splitlines() == [
        "code,status,name",
        "91,current,Papua",
        "9101,retired,Kabupaten Merauke",
        "910101,retired,Okaba",
        "9103,current,Kabupaten X",
        "910301,current,Y",
    ]
