"""A drill: suppose that a key were known to others. What would be exposed, what would be done? And who decided what?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.demo.installation import OPERATOR

if TYPE_CHECKING:
    from deploy.custody.custody import Custody

TITLE = "a compromise, rehearsed; and a history that proves itself"


def play(custody: Custody) -> None:
    """Rehearse, show the inventory, verify the history without any key."""
    stage = custody.stage
    custody.sit_down(("ani", "eko", "fajar"), "padan-keys compromise outer-token --dry-run")
    stage.run(
        OPERATOR,
        "export PADAN_KEK='quorum:custody?ani=../ani/phrase&eko=../eko/phrase&fajar=../fajar/phrase';"
        " padan-keys status --cbom keys.cbom.json",
        lines=14,
    )
    custody.get_up(dealt=False)
    stage.say(
        "An auditor with a copy of keyring and history, and no key, sees who decided what, by their signatures:"
    )
    stage.run(OPERATOR, "padan-keys history --verify --unverified", lines=12)
