"""A resident asks who asked about them; two auditors find it, and neither could alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deploy.audit.audit import SECOND_AUDITOR, TREE
from deploy.demo.installation import AUDITOR

if TYPE_CHECKING:
    from deploy.audit.audit import Audit

TITLE = "a resident asks: who asked about me?"
AGENCY = "health-insurance"
TIMES = 3


def play(audit: Audit) -> None:
    """Ask about a resident, then answer the resident."""
    stage = audit.stage
    resident = audit.people.take(lambda one: one.alive and one.has_long_name)
    with audit.client(AGENCY) as client:
        for _ in range(TIMES):
            audit.ask(
                client, AGENCY, nik=resident.nik, claims={"name": resident.name}, purpose="membership-check",
                officer="desk-3", legal_basis="legal_duty",
            )  # fmt: skip
    own = "--auditors auditors.json --key auditor.key --passphrase-file phrase"
    number = f"printf '%s\\n' {resident.nik} |"
    stage.say("The letter reached the auditor; the inspectorate reads it too, and enters the number again.")
    why = "--reason 'asked by letter' --mandate 'Letter 12/PDP/2026'"
    stage.run(AUDITOR, f"{number} padan-audit subject propose {own} {why} --out draft.json")
    stage.run(AUDITOR, f"cp draft.json ../{SECOND_AUDITOR}/")
    stage.run(SECOND_AUDITOR, f"{number} padan-audit subject sign draft.json {own} --out signed.json")
    stage.run(
        SECOND_AUDITOR, f"{number} padan-audit subject open signed.json {own} --out opened.json --timeout 30"
    )
    stage.run(
        SECOND_AUDITOR,
        f"padan-audit subject part opened.json {own} --share auditor.share --out part.json --yes"
        " --timeout 60",
    )
    stage.run(SECOND_AUDITOR, f"cp opened.json part.json ../{AUDITOR}/")
    stage.say("The auditor searches its own copy, brought up to date before:")
    stage.run(AUDITOR, f"padan-audit mirror {TREE} copy --policy policy --entries --timeout 30")
    stage.run(
        AUDITOR,
        f"padan-audit subject report opened.json part.json {own} --share auditor.share --out answer"
        " --copy copy --policy policy",
    )
    stage.run(AUDITOR, "cat answer/answer.csv", lines=8)
    text = (audit.folder(AUDITOR) / "answer" / "answer.json").read_text(encoding="utf-8")
    stage.expect("every question about the resident is in the answer", text.count(AGENCY) >= TIMES)
    stage.expect("the number is not", resident.nik not in text)
    json.loads(text)
