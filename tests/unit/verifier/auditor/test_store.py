"""The grants in force: read again, checked again, and never used once too old."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.realm import Realm
from keys.signing import Signer
from tests.unit.verifier.auditor.documents import DOCUMENT, REALM, SIGNER, SIGNERS, WITHIN, change, row
from verifier.agreement import sign as agreement_sign
from verifier.agreement.errors import AgreementSignatureError
from verifier.auditor import sign
from verifier.auditor.errors import GrantSignatureError, NoGrantError
from verifier.auditor.store import GrantStore, check_row
from verifier.directory import AgreementStatus
from verifier.errors import LogUnavailableError
from verifier.snapshot import SnapshotStaleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.auditor.table import GrantRow

DATA = DOCUMENT.encode()


@dataclass
class SimulatedTable:
    """A table in memory, with a clock of its own, that can be away."""

    kept: list[GrantRow]
    away: bool = False
    now: float = 1000.0
    written: int = 1
    faults: list[tuple[str, int, str]] = field(default_factory=list)

    def generation(self) -> int:
        """Count writes, or fail."""
        if self.away:
            raise LogUnavailableError("away")
        return self.written

    def rows(self, *statuses: AgreementStatus, auditor: str | None = None) -> Sequence[GrantRow]:
        """List rows."""
        return [row for row in self.kept if row.status in statuses and auditor in {None, row.auditor}]

    def clock(self) -> float:
        """Tell the time that the test set."""
        return self.now


def store(table: SimulatedTable) -> GrantStore:
    """Make a store that has read once."""
    made = GrantStore(
        table,
        realm=REALM,
        signers=SIGNERS,
        clock=table.clock,
        on_fault=lambda *fault: table.faults.append(fault),
    )
    made.snapshot.refresh()
    return made


def test_a_grant_is_found_for_its_auditor_alone() -> None:
    """Who has a grant reads by it; who has none is refused, with what is missing."""
    made = store(SimulatedTable([row()]))
    assert made.in_force("ana", WITHIN).version == 1
    with pytest.raises(NoGrantError, match="no grant"):
        made.in_force("budi", WITHIN)


@pytest.mark.parametrize(
    ("kept", "now", "words"),
    [
        ([], WITHIN, "no grant"),
        ([row(status=AgreementStatus.SUSPENDED)], WITHIN, "suspended"),
        ([row(status=AgreementStatus.ENDED)], WITHIN, "no grant"),
        ([row()], 1_767_200_399.9, "not begun or is over"),
        ([row()], 1_830_272_400.0, "not begun or is over"),
    ],
)
def test_deny_by_default(kept: list[GrantRow], now: float, words: str) -> None:
    """Without a grant in force nothing is granted, to the second."""
    with pytest.raises(NoGrantError, match=words):
        store(SimulatedTable(kept)).in_force("ana", now)


def test_the_validity_is_asked_on_each_call() -> None:
    """A grant that was in force at the last reading is over when its time is, without another reading."""
    made = store(SimulatedTable([row()]))
    made.in_force("ana", 1_830_272_399.0)
    with pytest.raises(NoGrantError):
        made.in_force("ana", 1_830_272_400.0)


OTHER_REALM = Realm(registry_id="registry", environment="staging")
_AGREEMENT = agreement_sign.require_signed(REALM, DATA, agreement_sign.sign(REALM, DATA, SIGNER), SIGNERS)[1]
_STAGING = sign.require_signed(OTHER_REALM, DATA, sign.sign(OTHER_REALM, DATA, SIGNER), SIGNERS)[1]
FORGED = {
    "another text": replace(row(), document=change(alerts="true ")),
    "another auditor's row": row(auditor="budi"),
    "another version's row": row(version=2),
    "signed as an agreement": replace(row(), signature=_AGREEMENT),
    "signed for staging": replace(row(), signature=_STAGING),
    "signed by nobody known": replace(row(), signer=Signer(bytes([1]) * 32).key_id),
    "a short signature": replace(row(), signature=row().signature[:63]),
    "signed but no grant": row(b"format = 1\n"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_row_grants_nothing(case: str) -> None:
    """A row that fails its check is an alarm; the other auditors read on."""
    table = SimulatedTable([FORGED[case], row(change(auditor='"citra"'), auditor="citra")])
    made = store(table)
    for auditor in ("ana", "budi"):
        with pytest.raises(NoGrantError):
            made.in_force(auditor, WITHIN)
    assert made.in_force("citra", WITHIN).auditor == "citra"
    assert [fault[:2] for fault in table.faults] == [(FORGED[case].auditor, FORGED[case].version)]


@given(st.integers(0, 511))
def test_no_bit_of_a_signature_may_change(bit: int) -> None:
    """Each flipped bit is refused."""
    good = row()
    flipped = bytearray(good.signature)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(GrantSignatureError):
        check_row(replace(good, signature=bytes(flipped)), realm=REALM, signers=SIGNERS)


@given(st.integers(0, 8 * len(DATA) - 1))
def test_no_bit_of_a_document_may_change(bit: int) -> None:
    """Each flipped bit is refused before the document is read."""
    flipped = bytearray(DATA)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(GrantSignatureError):
        check_row(replace(row(), document=bytes(flipped)), realm=REALM, signers=SIGNERS)


def test_a_grant_is_no_agreement() -> None:
    """A signature over a grant is none over an agreement of the same bytes."""
    with pytest.raises(AgreementSignatureError):
        agreement_sign.require_signed(REALM, DATA, sign.sign(REALM, DATA, SIGNER), SIGNERS)


def test_a_signer_who_is_not_trusted_any_more() -> None:
    """The list of signers of this start counts, not that of the activation."""
    other = base64.b64encode(Signer(bytes([1]) * 32).public_key).decode()
    with pytest.raises(GrantSignatureError, match="agreement_signers"):
        check_row(row(), realm=REALM, signers=[other])


def test_a_write_is_seen_at_the_next_reading() -> None:
    """Suspending takes effect at the next reading, and another table's silence changes nothing."""
    table = SimulatedTable([row()])
    made = store(table)
    table.kept = [row(status=AgreementStatus.SUSPENDED)]
    made.snapshot.refresh()
    made.in_force("ana", WITHIN)
    table.written += 1
    made.snapshot.refresh()
    with pytest.raises(NoGrantError, match="suspended"):
        made.in_force("ana", WITHIN)


def test_what_is_too_old_grants_nothing() -> None:
    """A database that is away for a minute refuses everybody."""
    table = SimulatedTable([row()])
    made = store(table)
    table.away, table.now = True, table.now + 60
    made.snapshot.refresh()
    with pytest.raises(SnapshotStaleError):
        made.in_force("ana", WITHIN)
