"""Plans of loads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from verifier.projector import plan as plans
from verifier.projector.errors import LoadBusyError, RunError
from verifier.projector.plan import Fingerprint, Plan

if TYPE_CHECKING:
    from pathlib import Path

PRINT = Fingerprint(source="a.csv", binding="[]", keys={"index": 1}, versions={"suite": "1"}, chunk_rows=8)


def make(loads: Path, epoch: int = 3) -> Plan:
    """Write a plan."""
    plan = Plan(
        epoch=epoch, as_of="2026-01-01", fingerprint=PRINT.digest(), folder=plans.folder_of(loads, epoch)
    )
    plan.write()
    return plan


def test_a_plan_is_found_again(tmp_path: Path) -> None:
    """What was begun and not ended is listed, and gone once it is removed."""
    plan = make(tmp_path)
    assert plans.unfinished(tmp_path) == [replace(plan, resumed=True)]
    plan.remove()
    assert plans.unfinished(tmp_path) == []


def test_a_folder_without_a_plan_is_removed(tmp_path: Path) -> None:
    """A load that was killed before its plan was written leaves nothing."""
    plans.folder_of(tmp_path, 4).mkdir()
    assert plans.unfinished(tmp_path) == []
    assert not plans.folder_of(tmp_path, 4).exists()


@pytest.mark.parametrize("content", ["{", '{"format": 2}', '{"format": 1, "epoch": 3}', "[]"])
def test_a_plan_of_another_make_is_refused(tmp_path: Path, content: str) -> None:
    """A damaged plan, or one of a newer release, is named."""
    plan = make(tmp_path)
    (plan.folder / plans.PLAN_FILE).write_text(content)
    with pytest.raises(RunError, match=r"plan\.json"):
        plans.unfinished(tmp_path)


def test_every_part_counts_in_the_fingerprint() -> None:
    """Another source, map, key, version or chunk size is another load."""
    others = [
        replace(PRINT, source="b.csv"),
        replace(PRINT, binding="[1]"),
        replace(PRINT, keys={"index": 2}),
        replace(PRINT, versions={"suite": "2"}),
        replace(PRINT, chunk_rows=9),
    ]
    assert len({PRINT.digest(), *(other.digest() for other in others)}) == 6


def test_one_load_at_a_time(tmp_path: Path) -> None:
    """A second load in the same folder is refused, and admitted once the first has ended."""
    with plans.alone(tmp_path), pytest.raises(LoadBusyError), plans.alone(tmp_path):
        pytest.fail("two loads at once")
    with plans.alone(tmp_path):
        pass
