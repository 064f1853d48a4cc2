"""An auditor copies the log, checks it whole, and fetches the private entries that the grant shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.audit.audit import TREE
from deploy.demo.installation import AUDITOR
from deploy.demo.stage import Clock

if TYPE_CHECKING:
    from deploy.audit.audit import Audit

TITLE = "an auditor's own copy, checked from the first leaf to the last"


def play(audit: Audit) -> None:
    """Mirror, go on with the mirror, verify."""
    stage = audit.stage
    clock = Clock()
    stage.run(AUDITOR, f"padan-audit mirror {TREE} copy --policy policy --entries --timeout 30")
    stage.figure("copied and checked, entries included", f"{clock.seconds:.1f} s")
    stage.say("Run again, it fetches what is new, and checks that the log has only grown:")
    stage.run(AUDITOR, f"padan-audit mirror {TREE} copy --policy policy --entries --timeout 30")
    clock = Clock()
    stage.run(AUDITOR, "padan-audit verify copy --policy policy")
    stage.figure("verified whole", f"{clock.seconds:.1f} s")
