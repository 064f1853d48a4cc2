"""Day 5: a resident has their number locked, by two officers, and unlocked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.week.week import Week

TITLE = "day 5: a resident locks their number"
AGENCY = "health-insurance"


def play(week: Week) -> None:
    """Lock, ask, lift, ask."""
    stage = week.stage
    one = week.people.take(lambda resident: resident.alive)
    question = {
        "nik": one.nik, "purpose": "membership-check", "officer": "desk-2", "legal_basis": "legal_duty",
        "claims": {"name": one.name},
    }  # fmt: skip
    week.verify(AGENCY, "before", question)
    week.decide("lock.json", "resident propose --set locked", "resident execute", nik=one.nik)
    stage.say("From now on nothing is answered about the number, right or wrong; it is not a no:")
    week.verify(AGENCY, "locked", question, code=5)
    week.decide("unlock.json", "resident propose --lift locked", "resident execute", nik=one.nik)
    week.verify(AGENCY, "after", question)
