"""Day 2: a name is corrected and somebody has died; agencies see both within seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.demo.people import DEAD, with_typing_error

if TYPE_CHECKING:
    from deploy.week.week import Week

TITLE = "day 2: the registry's changes, a correction and a death"
TAX, HEALTH = "tax-office", "health-insurance"


def play(week: Week) -> None:
    """Ask before and after."""
    stage, people = week.stage, week.people
    one = people.take(lambda resident: resident.alive and resident.has_long_name)
    other = people.take(lambda resident: resident.alive and resident.has_long_name)
    right = with_typing_error(one.name)
    asked = {
        "nik": one.nik,
        "purpose": "taxpayer-registration",
        "officer": "desk-1",
        "legal_basis": "legal_duty",
    }
    member = {
        "nik": other.nik, "purpose": "membership-check", "officer": "desk-2", "legal_basis": "legal_duty",
        "claims": {"name": other.name, "alive": "true"},
    }  # fmt: skip
    stage.say("A taxpayer's papers say another name than the registry, and a member is alive:")
    week.verify(TAX, "as-in-the-papers", {**asked, "claims": {"name": right}}, code=1)
    week.verify(HEALTH, "member", member)
    week.send(
        {"change": "changed", "row": {**week.row(one.nik), "NAMA_LGKP": right}},
        {"change": "deceased", "row": {**week.row(other.nik), "STATUS_HIDUP": DEAD}},
    )
    stage.say("The new name is confirmed, the old one is not, and the member is not alive:")
    week.verify(TAX, "as-in-the-papers", {**asked, "claims": {"name": right}})
    week.verify(TAX, "as-it-was", {**asked, "claims": {"name": one.name}}, code=1)
    week.verify(HEALTH, "member", member, code=1)
    stage.say("The same file again changes nothing, and half of it is refused:")
    stage.run("operator", "padan-server registry sync ../registry/changes-1.feed")
    stage.run("operator", "head -c -60 ../registry/changes-1.feed > half.feed")
    stage.run("operator", "padan-server registry sync half.feed", code=3)
