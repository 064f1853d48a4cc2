"""Marks that a check must pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from verifier.consistency.report import AttributeAgreement, People, Report, Run
from verifier.stage import publication
from verifier.stage.consistency import judge
from verifier.stage.errors import ReportFileError

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = People(agrees=999, differs=1, missing=0, withdrawn=0, unreadable=0, newer=5, agreement=0.999)
NOBODY = People(agrees=0, differs=0, missing=0, withdrawn=0, unreadable=0, newer=0, agreement=None)
NAME = AttributeAgreement(
    name="name", compared=1_000, agree=999, value=1, only_source=0, only_vault=0, agreement=0.999
)
REPORT = Report(
    format=1, id="a", source="s", epoch=1, epoch_day="", epoch_age_days=0, began="", as_of="", position=0, share=1,
    seed="", region_level_digits=2, rows_read=1_005, rejected=0, duplicates=0, people=PEOPLE, attributes=(NAME,),
    regions=(), ages=(), vault=None, rows_amiss=0, rows_listed=0, rows_file="", rows_sha256="",
    run=Run(seconds=1, rate=1, cpu_seconds=1, peak_memory_mb=1, workers=1, kept_runs=0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("report", "mark", "fewest", "failed"),
    [
        (REPORT, 99.9, 1_000, []),
        (REPORT, 99.91, 1_000, ["agreement of the people", "agreement of the worst attribute (name)"]),
        (REPORT, 99.9, 1_001, ["people compared"]),
        (
            replace(REPORT, people=replace(PEOPLE, unreadable=1, differs=0)),
            99.9,
            1,
            ["rows that do not open"],
        ),
        (
            replace(REPORT, people=NOBODY, attributes=()),
            0,
            1,
            ["people compared", "agreement of the people", "agreement of the worst attribute"],
        ),
    ],
)
def test_a_mark_is_met_or_not(report: Report, mark: float, fewest: int, failed: list[str]) -> None:
    """A share is held against the mark exactly; no people at all meet none; a row that does not open meets none."""
    findings = judge(report, mark=mark, fewest=fewest)
    assert [criterion.name for criterion in findings.criteria if not criterion.passed] == failed
    assert findings.passed == (not failed)


def test_no_report_is_written_over(tmp_path: Path) -> None:
    """A file that is there stays."""
    publication.require_free(tmp_path / "new.json")
    (tmp_path / "old.json").write_text("kept")
    with pytest.raises(ReportFileError, match=r"old\.json"):
        publication.require_free(tmp_path / "new.json", tmp_path / "old.json")
