"""Day 7, in the morning: a backup beside the running service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.demo.stage import Clock

if TYPE_CHECKING:
    from deploy.week.week import Week

TITLE = "day 7, in the morning: a backup"


def play(week: Week) -> None:
    """Make it, and check it."""
    stage, clock = week.stage, Clock()
    stage.run("operator", "padan-server backup create ../backup/sunday")
    stage.figure("a backup beside the service", f"{clock.seconds:.1f} s")
    stage.run("operator", "padan-server backup verify ../backup/sunday")
    stage.run("operator", "padan-server status")
