"""Stage consistency: a check of a sample, with marks to pass. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.stage.report import Criterion, Findings

if TYPE_CHECKING:
    from verifier.consistency.report import Report

_HUNDRED = 100


def judge(checked: Report, *, mark: float, fewest: int) -> Findings:
    """Hold a check against the marks.

    Args:
        checked: the check's report.
        mark: least agreement of the people, and of each attribute, percent.
        fewest: people who must have been compared, so that the share means something.
    """
    people = checked.people
    compared = people.agrees + people.differs + people.missing + people.withdrawn + people.unreadable
    worst = min(
        (each for each in checked.attributes if each.agreement is not None),
        key=lambda each: each.agreement or 0.0,
        default=None,
    )
    criteria = [
        Criterion(
            name="people compared",
            wanted=f"at least {fewest:,}",
            found=f"{compared:,}",
            passed=compared >= fewest,
        ),
        _agreement("agreement of the people", people.agreement, mark),
        _agreement(
            f"agreement of the worst attribute{f' ({worst.name})' if worst else ''}",
            worst.agreement if worst else None,
            mark,
        ),
        Criterion(
            name="rows that do not open",
            wanted="none",
            found=f"{people.unreadable:,}",
            passed=not people.unreadable,
        ),
    ]
    return Findings(criteria=criteria, figures=checked.values())


def _agreement(name: str, found: float | None, mark: float) -> Criterion:
    return Criterion(
        name=name,
        wanted=f"at least {mark:g} %",
        found="nobody was compared" if found is None else f"{found * _HUNDRED:.4f} %",
        passed=found is not None and found * _HUNDRED >= mark,
    )
