"""The vault's outer keys replaced while an agency asks 200 times a second, as custodians who are apart have agreed."""

from __future__ import annotations

import json
import os
import signal
import statistics
import time
from typing import TYPE_CHECKING

from deploy.custody.chart import Chart
from deploy.demo.installation import OPERATOR
from deploy.demo.stage import Clock, ExpectationError

if TYPE_CHECKING:
    from deploy.custody.chart import Row
    from deploy.custody.custody import Custody

TITLE = "a rotation of the outer keys under load"
AGENCY, RATE = "tax-office", 200
_QUIET, _AFTER = 10.0, 5.0
_ROWS_A_SECOND = 4_000
_SECONDS = 120.0


def play(custody: Custody) -> None:
    """Ask all the while; agree on new keys, move, flip, agree on the end of the old ones."""
    stage = custody.stage
    chart = Chart(custody, AGENCY, RATE)
    chart.step = "before"
    time.sleep(_QUIET)
    _make_keys(custody, chart)
    chart.step = "moving"
    stage.run(OPERATOR, f"padan-server rotation begin --workers 1 --rate {_ROWS_A_SECOND}")
    chart.step = "comparing"
    stage.run(OPERATOR, "padan-server rotation sample")
    chart.step = "flip"
    stage.run(OPERATOR, "padan-server rotation flip")
    time.sleep(_AFTER)
    _destroy_keys(custody, chart)
    chart.step = "after"
    time.sleep(_AFTER)
    chart.end()
    _judge(custody, chart)


def _make_keys(custody: Custody, chart: Chart) -> None:
    chart.step = "new keys agreed"
    custody.agree("succeed", "succeed.json", "ani", "dewi", "eko")
    custody.sit_down(("ani", "budi", "cici"), "padan-keys execute succeed.json")
    custody.get_up(dealt=False)
    chart.step = "taken up"
    custody.stage.say(
        "The running agent has the keyring as it was; three hand in again, and it takes the change up."
    )
    custody.stage.expect("the agent is behind", custody.standing("eko")["behind"])
    for name in ("cici", "dewi", "eko"):
        custody.unseal(name)


def _destroy_keys(custody: Custody, chart: Chart) -> None:
    chart.step = "old keys' end agreed"
    stage = custody.stage
    custody.agree(f"retire {custody.old_keys()}", "retire.json", "budi", "cici", "dewi")
    line = "padan-server rotation finish --now --yes --agreed retire.json"
    custody.sit_down(("ani", "budi", "eko"), line)
    stage.say("The KEK is another one; everybody, also who was absent, takes a new share home.")
    custody.get_up(dealt=True)
    chart.step = "restarts"
    for name in ("ani", "cici", "dewi"):
        custody.unseal(name)
    stage.run(OPERATOR, "padan-server reload")
    _wait_until_gone(custody, but="the key agent")
    stage.say(
        "A process that held the old keys has them in its memory until it ends; so the agent begins anew, sealed:"
    )
    _end_agent(custody)
    for name in ("budi", "dewi", "eko"):
        custody.unseal(name)
    _wait_until_gone(custody)
    stage.say("No process is left that held the old keys:")
    stage.run(OPERATOR, "padan-server rotation status")


def _wait_until_gone(custody: Custody, *, but: str = "nothing") -> None:
    """Wait until workers that were replaced have handed over their callers and ended."""
    clock = Clock()
    while clock.seconds < _SECONDS:
        told = json.loads(custody.printed(OPERATOR, "padan-server rotation status --json"))
        if all(each.startswith(but) for each in told["restart_due"]):
            return
        time.sleep(1.0)
    raise ExpectationError("a process is left that held the old keys")


def _end_agent(custody: Custody) -> None:
    """End the key agent, which the service starts again, and wait for it."""
    pid = custody.service.process_of("agent")
    custody.stage.prompt(OPERATOR, f"kill {pid}    # the key agent")
    os.kill(pid, signal.SIGTERM)
    clock = Clock()
    while clock.seconds < _SECONDS:
        done = custody.quietly("eko")
        if done is not None and done["sealed"]:
            return
        time.sleep(0.2)
    raise ExpectationError("the key agent did not come back")


def _judge(custody: Custody, chart: Chart) -> None:
    stage = custody.stage
    stage.expect("calls that failed", sum(row.failed for row in chart.rows), 0)
    stage.expect("verdicts that changed", sum(row.changed for row in chart.rows), 0)
    asked = sum(row.answered for row in chart.rows)
    custody.answered[AGENCY] += asked
    before, moving = (_p99(chart.of(step)) for step in ("before", "moving"))
    stage.figure("questions answered during the rotation", f"{asked:,} at {RATE}/s, 0 failed, 0 changed")
    stage.figure("p99 while moving / before", f"{moving:.1f} ms / {before:.1f} ms = {moving / before:.2f}")


def _p99(rows: list[Row]) -> float:
    return statistics.median(row.p99_ms for row in rows)
