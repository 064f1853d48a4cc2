"""Entries about one resident each, of calls about tokens: whoever looks at a resident's trail sees what was done."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from padan import canonical
from padan.entry import SALT_SIZE, Field
from verifier.intent import Intent
from verifier.period import NONCE_SIZE

if TYPE_CHECKING:
    from padan.entry import EntryKind
    from verifier.epoch import PinnedEpoch
    from verifier.intent import Question
    from verifier.log.beside import Kept
    from verifier.ports import Periods
    from verifier.token.reception import Visit
    from verifier.token.residents import Resident


class Witnessing:
    """Builds entries. Safe to call from many threads.

    Args:
        periods: names residents in the log.
    """

    def __init__(self, periods: Periods) -> None:
        self._periods = periods

    def intend(
        self,
        kind: EntryKind,
        visit: Visit,
        resident: Resident,
        *,
        category: str,
        epoch: PinnedEpoch,
        question: Question | None = None,
        ready_at: float = 0.0,
        kept: tuple[Kept, ...] = (),
    ) -> Intent:
        """Build the entry about one resident.

        Args:
            kind: of the entry.
            visit: the call.
            resident: whom it is about.
            category: the class of enrolments.
            epoch: that named the resident.
            question: where it is one; None for what is only noted.
            ready_at: monotonic second before which nothing is committed.
            kept: rows beside the log that are written with it.

        Raises:
            LogUnavailableError: no period can be opened.
        """
        grant, said, nonce = visit.grant, visit.said, os.urandom(NONCE_SIZE)
        reference, period = self._periods.reference(resident.handles.log, nonce)
        fields: dict[int, bytes] = {
            Field.KIND: int(kind).to_bytes(2, "big"),
            Field.AGENCY: visit.peer.id.encode(),
            Field.OFFICER: said.officer.encode(),
            Field.CERTIFICATE: visit.peer.fingerprint,
            Field.AGREEMENT: grant.agreement_id.encode(),
            Field.AGREEMENT_VERSION: grant.agreement_version.to_bytes(4, "big"),
            Field.CLAUSE: grant.clause.encode(),
            Field.PURPOSE: grant.purpose.encode(),
            Field.LAWFUL_USE: bytes((grant.lawful_use,)),
            Field.LEGAL_BASIS: bytes((said.legal_basis,)),
            Field.SUBJECT: reference,
            Field.NONCE: nonce,
            Field.PERIOD: period,
            Field.EPOCH: epoch.number.to_bytes(4, "big"),
            Field.SENSITIVITY: bytes((grant.sensitivity,)),
            Field.RETENTION: bytes((grant.retention,)),
            Field.DETAIL: canonical.encode_list([f"class={category}".encode()]),
            Field.REQUEST_ID: visit.request_id,
            Field.TOKENS: canonical.encode_list([f"subject={resident.label}".encode()]),
        }
        if said.consent_receipt:
            fields[Field.CONSENT_RECEIPT] = said.consent_receipt.encode()
        if grant.delayed_disclosure:
            fields[Field.DELAYED_DISCLOSURE] = grant.delayed_disclosure.encode()
        if question is not None:
            fields[Field.REQUEST_DIGEST] = question.digest
        return Intent(
            kind=kind,
            agency=visit.peer.id,
            officer=said.officer,
            purpose=grant.purpose,
            head=canonical.encode(fields),
            salt=os.urandom(SALT_SIZE),
            question=question,
            ready_at=ready_at,
            kept=kept,
        )
