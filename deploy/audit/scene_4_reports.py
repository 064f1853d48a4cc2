"""Reports over the copy, and an answer that another party can check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.audit.audit import SECOND_AUDITOR
from deploy.demo.installation import AUDITOR

if TYPE_CHECKING:
    from deploy.audit.audit import Audit

TITLE = "questions to the copy, and an answer with its proof"


def play(audit: Audit) -> None:
    """Make the ready-made reports, ask in SQL, prove the answer to the other auditor."""
    stage = audit.stage
    for report in ("agencies", "refusals", "unusual", "enumeration"):
        stage.run(AUDITOR, f"padan-audit report {report} copy", lines=12)
    stage.run(AUDITOR, "padan-audit report officers copy --output officers.parquet", lines=6)
    stage.say("Anything else in SQL, which can read the copy and do nothing else:")
    stage.run(
        AUDITOR,
        "padan-audit query copy \"SELECT agency, outcome, count(*) AS questions FROM entries WHERE kind = 'VERIFY'"
        ' GROUP BY ALL ORDER BY ALL"',
    )
    stage.run(AUDITOR, 'padan-audit query copy "DELETE FROM entries"', code=3)
    stage.say("The auditor proves to the other one what an officer asked, without giving away the copy:")
    stage.run(
        AUDITOR,
        "padan-audit query copy \"SELECT sequence, log_time, officer, outcome FROM entries WHERE agency = 'tax-office'"
        " AND officer = 'desk-7' ORDER BY sequence LIMIT 5\" --prove desk-7.zip --policy policy",
    )
    stage.run(AUDITOR, f"cp desk-7.zip ../{SECOND_AUDITOR}/")
    stage.run(SECOND_AUDITOR, "padan-audit prove check desk-7.zip --policy policy")
