"""Day 3: is the copy right? The registry's own export, held against the vault through the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.week.week import Week

TITLE = "day 3: is the copy right?"


def play(week: Week) -> None:
    """Check today's export, and one in which a change was forgotten."""
    stage = week.stage
    stage.say("The registry exports everybody as they are today:")
    today = week.export("today.csv")
    stage.run("operator", f"padan-server registry check ../registry/{today.name}", lines=8)
    one = week.people.take(lambda resident: resident.alive)
    row = week.row(one.nik)
    moved = {
        **row,
        "NO_RT": str(int(row.get("NO_RT", "1")) % 9 + 1),
        "AGAMA": str(int(row.get("AGAMA", "1")) % 6 + 1),
    }
    wrong = week.export("forgotten.csv", but={one.nik: moved})
    stage.say(
        "Had somebody moved without a change being sent, the check would name the row and what differs, no value:"
    )
    stage.run(
        "operator", f"padan-server registry check ../registry/{wrong.name} --rows differ.csv", code=1, lines=8
    )
    differing = (week.folder("operator") / "differ.csv").read_text()
    stage.show(differing)
    stage.expect(
        "both attributes of the one row",
        sorted({"rt", "religion"} & set(differing.replace(",", "\n").split())),
        ["religion", "rt"],
    )
