"""Day 7, at noon: the machine is lost. What was answered since the backup is not."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

from deploy.demo.stage import Clock
from padan.question import Question

if TYPE_CHECKING:
    from deploy.demo.people import Resident
    from deploy.week.week import Week

TITLE = "day 7, at noon: disaster, and restore"
AGENCY = "tax-office"
QUESTIONS = 40


def play(week: Week) -> None:
    """Ask after the backup, lose everything, restore, and ask the same again."""
    stage = week.stage
    people = week.people.take_many(QUESTIONS, lambda resident: resident.alive and resident.has_long_name)
    questions = [_question(resident) for resident in people]
    stage.say(
        f"After the backup, {len(questions)} more questions are answered. Then everything is lost at once:"
    )
    before = _ask(week, questions)
    week.answered[AGENCY] += len(questions)
    stage.prompt("operator", "kill -9 all; rm -rf data keyring.json keyring.events.jsonl")
    week.service.kill()
    folder = week.folder("operator")
    shutil.rmtree(folder / "data")
    for path in folder.glob("keyring*"):
        path.unlink()
    clock = Clock()
    stage.run("operator", "padan-server backup restore ../backup/sunday")
    stage.figure("restored after", f"{clock.seconds:.1f} s")
    week.service.start()
    stage.figure("from nothing to answering", f"{clock.seconds:.1f} s")
    after = _ask(week, questions)
    stage.expect(
        f"each of the {len(questions)} questions, asked again with its request_id, gets the answer it got",
        after,
        before,
    )
    entries = _verified(week)
    stage.expect(
        f"every answer of the week is in the log: {sum(week.answered.values()):,}",
        entries,
        dict(week.answered),
    )


def _question(resident: Resident) -> Question:
    return Question.build(
        nik=resident.nik, claims={"name": resident.name}, purpose="taxpayer-registration", officer="batch-2",
        legal_basis="legal_duty",
    )  # fmt: skip


def _ask(week: Week, questions: list[Question]) -> list[str]:
    with week.client(AGENCY) as client:
        return [client.ask(question).receipt for question in questions]


def _verified(week: Week) -> dict[str, int]:
    week.stage.run("auditor", "padan-audit list --limit 0 --json --timeout 10 > week.json")
    with (week.folder("auditor") / "week.json").open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return dict(Counter(entry["agency"] for entry in entries if entry["kind"] == "VERIFY"))
