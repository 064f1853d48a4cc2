"""Rejects files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from verifier.projector import rejects
from verifier.projector.rejects import Reject

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = [Reject(2, "NIK", "nik.date"), Reject(9, "", "row.columns")]
ALL = [BROKEN[0], Reject(5, "NIK", "nik.duplicate"), BROKEN[1]]


def test_both_kinds_come_in_the_order_of_rows() -> None:
    """Broken and doubled rows are merged by number."""
    assert list(rejects.in_order(BROKEN, [5])) == ALL


def test_csv(tmp_path: Path) -> None:
    """A file that ends in .csv is one."""
    path = tmp_path / "sub" / "rejects.csv"
    assert rejects.write(path, ALL) == 3
    assert (
        path.read_bytes() == b"row,field,rule\r\n2,NIK,nik.date\r\n5,NIK,nik.duplicate\r\n9,,row.columns\r\n"
    )


def test_json_lines(tmp_path: Path) -> None:
    """Any other file has a JSON object a line."""
    path = tmp_path / "rejects.jsonl"
    assert rejects.write(path, ALL) == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"row": 2, "field": "NIK", "rule": "nik.date"}
    assert [line["row"] for line in lines] == [2, 5, 9]
