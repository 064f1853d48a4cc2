"""Day 6: a worker dies under load; nobody who asks notices more than a call that is made again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.week.week import Week

TITLE = "day 6: a worker crashes"
AGENCY = "tax-office"
QUESTIONS, ASKERS = 200, 4


def play(week: Week) -> None:
    """Ask from several programs at once, and kill a worker in the middle."""
    stage = week.stage
    people = week.people.take_many(QUESTIONS, lambda resident: resident.alive and resident.has_long_name)
    stage.say(f"{ASKERS} programs ask {len(people)} questions; in the middle of it:")
    wrong: list[str] = []

    def ask(share: int) -> None:
        with week.client(AGENCY) as client:
            for resident in people[share::ASKERS]:
                answer = week.ask(
                    client, AGENCY, nik=resident.nik, claims={"name": resident.name},
                    purpose="taxpayer-registration", officer="batch-1", legal_basis="legal_duty",
                )  # fmt: skip
                if answer.outcome.name != "MATCH":
                    wrong.append(answer.outcome.name)

    began = time.monotonic()
    askers = [threading.Thread(target=ask, args=(share,)) for share in range(ASKERS)]
    for asker in askers:
        asker.start()
    time.sleep(0.1)
    week.service.kill_worker(1)
    for asker in askers:
        asker.join()
    stage.expect("every question was answered, and rightly", wrong, [])
    stage.figure(f"{len(people)} questions beside a crash", f"{time.monotonic() - began:.1f} s")
    week.service.wait_for(3)
    stage.figure("the worker's successor answers after", f"{time.monotonic() - began:.1f} s")
