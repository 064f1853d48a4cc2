"""Day 4: a resident says that the registry is wrong; the agency disputes the answer, the registry decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deploy.demo.people import with_typing_error

if TYPE_CHECKING:
    from deploy.week.week import Week

TITLE = "day 4: an answer is disputed"
AGENCY = "tax-office"


def play(week: Week) -> None:
    """Open a dispute, let the officer read and decide it, and ask again."""
    stage = week.stage
    one = week.people.take(lambda resident: resident.alive and resident.has_long_name)
    right = with_typing_error(one.name)
    question = {
        "nik": one.nik, "purpose": "taxpayer-registration", "officer": "desk-1", "legal_basis": "legal_duty",
        "claims": {"name": right},
    }  # fmt: skip
    stage.say(
        "The registry has the name with a typing error, so it does not confirm what the resident's papers say:"
    )
    answer = week.verify(
        AGENCY, "disputed", question, options="--save-request disputed.bin --json > answer.json", code=1
    )
    del answer
    contest = json.loads((week.folder(AGENCY) / "answer.json").read_text())["contest"]
    stage.say(
        "The agency disputes the claim, without saying what the resident has said; the number is sealed:"
    )
    stage.run(
        AGENCY, f"padan dispute open {contest} --request disputed.bin --claim name --json > dispute.json"
    )
    dispute = json.loads((week.folder(AGENCY) / "dispute.json").read_text())["dispute"]
    stage.run(AGENCY, f"padan dispute show {dispute}")
    stage.say("The registry's officer alone can read whom it is about, and proves it down to the log:")
    stage.run("operator", "padan-server dispute list")
    stage.run("operator", f"padan-server dispute show {dispute} --out case.json", lines=3)
    read = stage.run(
        "operator", "padan-server dispute read case.json --key dispute.key | sed 's/[0-9]\\{10\\}/…/'"
    )
    stage.expect("it is about the resident", one.nik[10:] in read.out)
    stage.run("operator", f"padan-server dispute review {dispute} --key ani.key", lines=2)
    week.send({"change": "changed", "row": {**week.row(one.nik), "NAMA_LGKP": right}})
    stage.run(
        "operator", f"padan-server dispute resolve {dispute} --outcome corrected --key ani.key", lines=2
    )
    stage.say("The agency learns the outcome, and asks again:")
    shown = stage.run(AGENCY, f"padan dispute show {dispute}")
    stage.expect("the outcome is known to the agency", "corrected" in shown.out)
    week.verify(AGENCY, "asked-again", question)
