"""The published tree: an agency proves its receipt without the service's word."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deploy.audit.audit import TREE, WITNESSES
from deploy.demo.installation import AUDITOR, OPERATOR
from deploy.demo.stage import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.audit.audit import Audit

TITLE = "the tree of all entries, published and cosigned; a receipt proven"
AGENCY = "tax-office"
_SECONDS = 60.0


def play(audit: Audit) -> None:
    """Show the checkpoint and who has cosigned it; fetch and check a receipt's proof."""
    stage = audit.stage
    resident = audit.people.take(lambda one: one.alive)
    question = {
        "nik": resident.nik, "purpose": "taxpayer-registration", "officer": "desk-1", "legal_basis": "legal_duty",
        "claims": {"name": resident.name},
    }  # fmt: skip
    clock = Clock()
    audit.verify(AGENCY, "question", question, options="--save-receipt receipt --save-request question.bin")
    stage.run(AGENCY, "padan info --jwks --timeout 10 > keys.json")
    stage.say(
        "The receipt is the service's word. The proof is not: it leads from the entry to a root that others signed."
    )
    _wait_until_published(audit, clock)
    stage.run(AGENCY, "padan receipt prove receipt --policy policy --timeout 10")
    stage.run(
        AGENCY,
        "padan receipt check receipt --keys keys.json --request question.bin"
        " --proof receipt.tlog-proof --policy policy",
    )
    stage.run(AGENCY, "cat receipt.tlog-proof")
    stage.say("With another place than the entry's own, the same proof leads to another root:")
    stage.run(AGENCY, "sed 's/^index .*/index 1/' receipt.tlog-proof > wrong.tlog-proof")
    stage.run(
        AGENCY,
        "padan receipt check receipt --keys keys.json --proof wrong.tlog-proof --policy policy",
        code=1,
    )
    stage.say("What the witnesses have cosigned, and what stands in the log:")
    for witness in WITNESSES:
        stage.run(witness, "padan-audit witness show .")
    stage.run(OPERATOR, "padan-server log head")
    stage.say("Somebody keeps the tree of this hour; it comes back later.")
    stage.run(AUDITOR, f"cp -r {TREE} older-tree")


def _wait_until_published(audit: Audit, clock: Clock) -> None:
    """Wait until the checkpoint holds more entries than were asked for before this scene."""
    wanted, file = sum(audit.answered.values()), audit.folder(OPERATOR) / "data" / "tree" / "checkpoint"
    while _size(file) < wanted:
        audit.stage.expect("the tree is published in time", clock.seconds < _SECONDS)
        time.sleep(0.2)
    audit.stage.figure(
        "the last entry in a published checkpoint after", f"{clock.seconds:.1f} s, command line included"
    )


def _size(file: Path) -> int:
    return int(file.read_text(encoding="utf-8").splitlines()[1])
