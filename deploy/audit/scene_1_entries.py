"""Agencies ask, and every question is an entry of the log."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.stage import Clock

if TYPE_CHECKING:
    from deploy.audit.audit import Audit

TITLE = "a day of three agencies"
SHARES = {"tax-office": 5, "health-insurance": 3, "social-aid": 2}
"""Tenths of the questions."""
CURIOUS, LOOKS, TRIES = "tax-office", 9, 14
_TRAFFIC = Path(__file__).with_name("traffic.py")


def play(audit: Audit) -> None:
    """Ask as three agencies at once, each in a process of its own."""
    stage, clock = audit.stage, Clock()
    stage.say(
        f"{audit.questions:,} questions by the officers of three agencies at once, through the Python client:"
    )
    running = {}
    for agency, tenths in SHARES.items():
        count = audit.questions * tenths // 10
        line = f"{sys.executable} {_TRAFFIC} {agency} {count} ../registry/people.csv {audit.address}"
        stage.prompt(agency, line)
        running[agency] = count, stage.start(agency, line, stdout=subprocess.PIPE)
    for agency, (count, process) in running.items():
        out, _ = process.communicate()
        stage.stop(process)
        stage.expect(f"{agency} got all its answers", int(re.sub(r"\D", "", out) or "0"), count)
        audit.answered[agency] += count
    _be_curious(audit)
    stage.figure(
        "answers",
        f"{sum(audit.answered.values()) / clock.seconds:,.0f}/s, with the agencies on the same machine",
    )


def _be_curious(audit: Audit) -> None:
    """Let an officer look one resident up again and again, and another one try numbers: the reports will show both."""
    resident = audit.people.take(lambda one: one.alive and one.has_long_name)
    numbers = [resident.nik] * LOOKS + [f"{resident.nik[:12]}{9_900 + number}" for number in range(TRIES)]
    with audit.client(CURIOUS) as client:
        for nik in numbers:
            officer = "desk-7" if nik == resident.nik else "desk-9"
            audit.ask(
                client, CURIOUS, nik=nik, claims={"name": resident.name}, purpose="taxpayer-registration",
                officer=officer, legal_basis="legal_duty",
            )  # fmt: skip
