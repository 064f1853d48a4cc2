"""Ready-made reports: the rows that the story of conftest.py must give."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from padan.audit import cli
from padan.audit.mirror import answer, report
from padan.audit.mirror.report import REPORTS, Window, quoted
from padan.audit.mirror.session import Session
from padan.errors import QueryError
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.copies import Auditor

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def rows(told: Auditor, name: str, **window: Any) -> list[dict[str, Any]]:
    """Make a report."""
    with Session.open(told.copy) as session:
        found: list[dict[str, Any]] = session.rows(
            REPORTS[name].render(Window(now=NOW, **window))
        ).to_pylist()
    return found


def test_agencies(told: Auditor) -> None:
    """Questions, outcomes, refusals and officers of each agency."""
    tax, health = rows(told, "agencies")
    assert tax == {
        "agency": "tax",
        "officers": 7,
        "questions": 172,
        "match": 140,
        "no_match": 29,
        "not_held": 0,
        "not_available": 0,
        "blocked": 3,
        "other": 0,
        "refused": 1,
    }
    assert (health["questions"], health["not_available"], health["refused"], health["officers"]) == (
        1,
        1,
        1,
        2,
    )


def test_purposes_officers_and_hours(told: Auditor) -> None:
    """The same counts by purpose, by officer and by the local hour."""
    by_purpose = {row["purpose"]: row["questions"] for row in rows(told, "purposes")}
    assert by_purpose == {"service": 93, "strict": 80, None: 0}
    by_officer = {
        row["officer"]: row["questions"] for row in rows(told, "officers") if row["agency"] == "tax"
    }
    assert by_officer["busy"] == 80
    assert by_officer["desk-1"] == 11
    hours = {row["hour"]: row["questions"] for row in rows(told, "hours")}
    assert hours == {3: 24, 9: 148, 21: 1}
    assert {row["hour"] for row in rows(told, "hours", offset=0)} == {20, 2, 14}


def test_tokens(told: Auditor) -> None:
    """What was asked by token, and what left with a match and not without one, by domain and version."""
    found = rows(told, "tokens")
    assert [(row["agency"], row["domain"], row["version"], row["asked"], row["issued"]) for row in found] == [
        ("tax", "aid", "1", 24 + 30, 6),
        ("tax", "aid", "2", 0, 1),
    ]
    assert rows(told, "tokens", agency="health") == []


def test_refusals(told: Auditor) -> None:
    """Refusals by reason, and what could not be answered."""
    found = {(row["reason"], row["agency"]): row["count"] for row in rows(told, "refusals")}
    assert found == {
        ("BLOCKED", "tax"): 3,
        ("AGREEMENT_SUSPENDED", "health"): 1,
        ("QUOTA_EXHAUSTED", "tax"): 1,
        ("NOT_AVAILABLE", "health"): 1,
    }


@pytest.mark.parametrize(
    ("now", "state", "days"),
    [("2026-07-01", "in force", 86), ("2026-09-20", "near its end", 5), ("2026-10-01", "over", -6)],
)
def test_agreements(told: Auditor, now: str, state: str, days: int) -> None:
    """Where each agreement stands at a moment, and what was asked after its end."""
    with Session.open(told.copy) as session:
        window = Window(now=datetime.fromisoformat(now).replace(tzinfo=UTC))
        health, tax = session.rows(REPORTS["agreements"].render(window)).to_pylist()
    assert (health["agency"], health["state"], health["days_left"]) == ("health", "suspended", None)
    assert (tax["agreement"], tax["version"], tax["state"], tax["days_left"]) == ("PKS/1", 1, state, days)
    assert (tax["questions"], tax["after_end"]) == (172, 1)


def test_budgets(told: Auditor) -> None:
    """Alerts with their units, blocked questions and refusals of the commit."""
    found = {(row["budget"], row["officer"]): (row["count"], row["units"]) for row in rows(told, "budgets")}
    assert found == {
        ("alert prefix", "probe"): (1, 40),
        ("BLOCKED", "probe"): (3, None),
        ("QUOTA_EXHAUSTED", "desk-1"): (1, None),
    }
    assert {row["day"] for row in rows(told, "budgets")} == {"2026-09-22"}


def test_unusual_officers(told: Auditor) -> None:
    """Who asks far more than the median, about one subject again and again, or at night; and nobody else."""
    found = {row["officer"]: row["why"] for row in rows(told, "unusual")}
    assert found == {
        "busy": "far above the median",
        "=curious\x1b[31m": "one subject again and again",
        "owl": "at night",
    }
    (busy,) = [row for row in rows(told, "unusual") if row["officer"] == "busy"]
    assert (busy["per_day"], busy["median_per_day"], busy["times_median"]) == (80.0, 10.0, 8.0)


def test_enumeration(told: Auditor) -> None:
    """Who tries numbers, with the longest run of misses and the alerts."""
    (probe,) = rows(told, "enumeration")
    assert probe == {
        "agency": "tax",
        "officer": "probe",
        "prefix_alerts": 1,
        "misses_in_such_hours": 29,
        "hours": 1,
        "longest_run": 15,
        "subjects_on_busiest_day": 33,
    }


def test_windows_bound_what_is_looked_at(told: Auditor) -> None:
    """Times and agency narrow every report; a quote in a name is a quote."""
    late = datetime(2026, 9, 25, tzinfo=UTC)
    assert rows(told, "agencies", from_time=late)[0]["questions"] == 1
    assert rows(told, "agencies", until=datetime(2026, 9, 1, tzinfo=UTC)) == []
    assert [row["agency"] for row in rows(told, "agencies", agency="health")] == ["health"]
    assert rows(told, "agencies", agency="x' OR 1=1 --") == []
    assert quoted("a'b") == "'a''b'"
    with pytest.raises(QueryError, match="no report"):
        report.find("nothing")


def test_the_command_prints_and_writes(told: Auditor, tmp_path: Path) -> None:
    """A report comes as a table, as JSON, and as a file of each format; texts of the log are made harmless."""
    folder = str(told.copy.folder)
    table = run(cli.main, "report", "unusual", folder, "--at", "2026-10-01")
    assert table.code == 0, table.err
    assert "far above the median" in table.out
    assert "\x1b" not in table.out
    shown = json.loads(run(cli.main, "report", "agencies", folder, "--json").out)
    assert [row["agency"] for row in shown["rows"]] == ["tax", "health"]
    for suffix in answer.SUFFIXES:
        path = tmp_path / f"report{suffix}"
        ended = run(cli.main, "report", "unusual", folder, "--output", str(path))
        assert (ended.code, ended.out) == (0, ""), ended.err
    cells = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text())))
    assert {row["officer"] for row in cells} == {"busy", "owl", "'=curious\x1b[31m"}
    assert pq.read_table(tmp_path / "report.parquet").num_rows == 3
    assert len(json.loads((tmp_path / "report.json").read_text())["rows"]) == 3
    refused = run(cli.main, "report", "unusual", folder, "--output", str(tmp_path / "report.xlsx"))
    assert (refused.code, "names no format" in refused.err) == (3, True)
