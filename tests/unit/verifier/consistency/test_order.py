"""What a check is asked for: samples, ages, and the killed check that is gone on with."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from keys.purpose import Purpose
from verifier.consistency import age, plan
from verifier.consistency.errors import CheckStateError, SampleError
from verifier.consistency.order import RegionLevel, Sample
from verifier.consistency.selection import Selection, threshold

if TYPE_CHECKING:
    from pathlib import Path

    from keys.agent import LocalKeyAgent

DAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("text", "share"), [("", 1), ("2.5%", 0.025), ("0.025", 0.025), ("100%", 1), ("500", 0.5), ("5000", 1)]
)
def test_a_sample_is_people_or_a_share(text: str, share: float) -> None:
    """Whole numbers are people, the rest is a share; more people than there are is all of them."""
    assert Sample.parse(text).of(1_000) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "0%", "-1", "1.5", "101%", "some", "nan", "%"])
def test_what_is_no_sample_is_refused(text: str) -> None:
    """Nothing is taken for a sample that is none."""
    with pytest.raises(SampleError, match="a share such as"):
        Sample.parse(text)


def test_an_empty_epoch_is_taken_whole() -> None:
    """So many people of nobody are all."""
    assert Sample.parse("100").of(0) == 1


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("2026-06-02", "changed after the epoch's day"),
        ("2026-06-01", "0 to 1 days"),
        ("2026-05-31T23:59:59+07:00", "0 to 1 days"),
        ("30/05/2026", "2 to 7 days"),
        ("24-05-2026 10:00", "8 to 30 days"),
        ("2026-05-01", "31 to 365 days"),
        ("1999-12-31", "over a year"),
        ("", "undated"),
        ("yesterday", "undated"),
        ("2026-02-30", "undated"),
    ],
)
def test_ages_are_counted_from_the_epochs_day(text: str, group: str) -> None:
    """A row's last change falls into one group; what is no day is undated."""
    assert age.GROUPS[age.group(text, DAY)] == group


def test_a_sample_takes_its_share_and_always_the_same(agent: LocalKeyAgent) -> None:
    """About the share is taken; another seed takes others; the same one the same."""
    mac = agent.mac(Purpose.PROJECTOR_FEED).bind(agent.realm.prefix("check-sample"))
    numbers = [f"3273010101{number:06}" for number in range(4_000)]

    def taken(seed: bytes, share: float) -> set[str]:
        selection = Selection(mac, seed, threshold(share))
        return {number for number in numbers if selection.takes(number)}

    first = taken(bytes(16), 0.25)
    assert 850 < len(first) < 1_150
    assert taken(bytes(16), 0.25) == first
    assert taken(bytes(16), 0.5) > first
    assert 150 < len(first & taken(b"another seed 16b", 0.25)) < 350
    assert taken(bytes(16), 1) == set(numbers)
    assert sum(Selection(mac, bytes(16), threshold(0.5)).takes_row(number) for number in range(400)) in range(
        140, 260
    )


def start(fingerprint: str) -> plan.Start:
    """Say what is fixed."""
    return plan.Start(
        id=plan.new_id(), fingerprint=fingerprint, began_ms=1, as_of="2026-06-01",
        position=3, share=1.0, seed=plan.new_seed(), parts=2,
    )  # fmt: skip


def test_a_killed_check_is_gone_on_with(tmp_path: Path) -> None:
    """The same terms find what was fixed at the beginning; other terms, or --fresh, begin."""
    name = "ab" * 32
    first = plan.begin(tmp_path, name, lambda: start(name), fresh=False)
    again = plan.begin(tmp_path, name, lambda: start(name), fresh=False)
    assert (first.resumed, again.resumed, again.start) == (False, True, first.start)
    other = plan.begin(tmp_path, "cd" * 32, lambda: start("cd"), fresh=False)
    assert (other.resumed, other.folder.parent, other.folder != first.folder) == (False, tmp_path, True)
    again.chunk(3).write_text("left behind")
    fresh = plan.begin(tmp_path, name, lambda: start(name), fresh=True)
    assert (fresh.resumed, fresh.start.id != first.start.id, fresh.chunk(3).exists()) == (False, True, False)
    fresh.remove()
    assert not fresh.folder.exists()


@pytest.mark.parametrize("text", ["", "{}", '{"format": 9}', '{"format": 1, "id": "x"}'])
def test_a_damaged_plan_is_named(tmp_path: Path, text: str) -> None:
    """A plan that cannot be read stops the check, and says which file it is."""
    name = "ab" * 32
    begun = plan.begin(tmp_path, name, lambda: start(name), fresh=False)
    (begun.folder / "plan.json").write_text(text)
    with pytest.raises(CheckStateError, match=r"plan\.json"):
        plan.begin(tmp_path, name, lambda: start(name), fresh=False)


def test_region_levels_are_those_of_the_codes() -> None:
    """A province has two digits, a regency four, a district six."""
    assert [level.digits for level in RegionLevel] == [2, 4, 6]
