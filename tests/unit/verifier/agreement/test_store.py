"""The agreements in force: read again, checked again, and never used once too old."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from keys.realm import Realm
from keys.signing import Signer
from verifier.agreement.errors import AgreementSuspendedError, NoAgreementError
from verifier.agreement.sign import require_signed, sign
from verifier.agreement.store import AgreementStore
from verifier.directory import AgreementRow, AgreementStatus
from verifier.errors import LogUnavailableError
from verifier.snapshot import SnapshotStaleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REALM = Realm(registry_id="registry", environment="production")
SIGNER = Signer(bytes(32))
SIGNERS = [base64.b64encode(SIGNER.public_key).decode()]
WITHIN = 1_780_000_000.0


def row(data: bytes, *, version: int = 1, status: AgreementStatus = AgreementStatus.ACTIVE) -> AgreementRow:
    """Sign a document and make its row."""
    key_id, signature = require_signed(REALM, data, sign(REALM, data, SIGNER), SIGNERS)
    return AgreementRow(
        agency="health", version=version, document=data, signature=signature, signer=key_id, status=status
    )


@dataclass
class SimulatedDirectory:
    """A directory in memory, with a clock of its own, that can be away."""

    rows: list[AgreementRow]
    away: bool = False
    now: float = 1000.0
    written: int = 1
    reads: int = 0
    faults: list[tuple[str, int, str]] = field(default_factory=list)

    def generation(self) -> int:
        """Count writes, or fail."""
        if self.away:
            raise LogUnavailableError("away")
        return self.written

    def agreements(self, *statuses: AgreementStatus, agency: str | None = None) -> Sequence[AgreementRow]:
        """List rows."""
        self.reads += 1
        return [row for row in self.rows if row.status in statuses and agency in {None, row.agency}]

    def clock(self) -> float:
        """Tell the time that the test set."""
        return self.now

    def put(self, *rows: AgreementRow) -> None:
        """Replace all rows, as a write does."""
        self.rows = list(rows)
        self.written += 1


def store(directory: SimulatedDirectory, signers: Sequence[str] = SIGNERS) -> AgreementStore:
    """Make a store that has read once."""
    made = AgreementStore(
        directory,
        realm=REALM,
        signers=signers,
        clock=directory.clock,
        on_fault=lambda *fault: directory.faults.append(fault),
    )
    made.snapshot.refresh()
    return made


def test_an_active_agreement_is_in_force(document: str) -> None:
    """An agency finds its terms within their validity."""
    agreements = store(SimulatedDirectory([row(document.encode())]))
    assert agreements.in_force("health", WITHIN).agreement.version == 1


@pytest.mark.parametrize("now", [0.0, 1_766_000_000.0, 1_900_000_000.0])
def test_outside_its_validity_nothing_is_in_force(document: str, now: float) -> None:
    """Before its beginning and after its end an agreement grants nothing."""
    agreements = store(SimulatedDirectory([row(document.encode())]))
    with pytest.raises(NoAgreementError):
        agreements.in_force("health", now)


def test_another_agency_has_none(document: str) -> None:
    """An agreement is its agency's alone."""
    agreements = store(SimulatedDirectory([row(document.encode())]))
    with pytest.raises(NoAgreementError):
        agreements.in_force("tax", WITHIN)


def test_a_suspended_agreement_is_refused(document: str) -> None:
    """A suspension takes effect with the next read, and is told as such."""
    directory = SimulatedDirectory([row(document.encode())])
    agreements = store(directory)
    directory.put(row(document.encode(), status=AgreementStatus.SUSPENDED))
    directory.now += 5
    agreements.snapshot.refresh_if_due()
    with pytest.raises(AgreementSuspendedError):
        agreements.in_force("health", WITHIN)


@pytest.mark.parametrize("status", [AgreementStatus.DRAFT, AgreementStatus.ENDED])
def test_a_draft_or_ended_agreement_grants_nothing(document: str, status: AgreementStatus) -> None:
    """Only what is active grants anything."""
    agreements = store(SimulatedDirectory([row(document.encode(), status=status)]))
    with pytest.raises(NoAgreementError):
        agreements.in_force("health", WITHIN)


def test_the_newest_version_that_has_begun_counts(change: Callable[..., bytes]) -> None:
    """A version that has not begun leaves the one before in force; one that is over does not bring it back."""
    second = change(
        version="2", **{"from": "2026-06-01T00:00:00+07:00", "until": "2026-07-01T00:00:00+07:00"}
    )
    agreements = store(SimulatedDirectory([row(change()), row(second, version=2)]))
    assert agreements.in_force("health", 1_779_000_000).agreement.version == 1
    assert agreements.in_force("health", 1_781_000_000).agreement.version == 2
    with pytest.raises(NoAgreementError):
        agreements.in_force("health", 1_790_000_000)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda good, _: replace(good, document=good.document.replace(b"100\n", b"900\n")),
        lambda good, _: replace(good, signature=bytes(64)),
        lambda good, _: replace(good, signer="nobody"),
        lambda good, _: replace(good, agency="tax"),
        lambda good, _: replace(good, version=7),
        lambda _, data: replace(row(b"format = 1\n"), version=1, document=b"format = 1\n" + data[:0]),
    ],
)
def test_a_tampered_row_is_an_alarm_and_grants_nothing(
    document: str, tamper: Callable[[AgreementRow, bytes], AgreementRow]
) -> None:
    """Whoever writes to the database without the signer's key grants nothing, and is noticed."""
    directory = SimulatedDirectory([tamper(row(document.encode()), document.encode())])
    agreements = store(directory)
    for agency in ("health", "tax"):
        with pytest.raises(NoAgreementError):
            agreements.in_force(agency, WITHIN)
    assert len(directory.faults) == 1


def test_one_tampered_row_leaves_the_other_agencies_alone(change: Callable[..., bytes]) -> None:
    """A bad row of one agency is no outage of another."""
    bad = replace(row(change()), signature=bytes(64), agency="tax")
    agreements = store(SimulatedDirectory([bad, row(change())]))
    assert agreements.in_force("health", WITHIN).agreement.agency == "health"


def test_without_signers_nothing_is_in_force(document: str) -> None:
    """Where nobody may sign, nothing is granted."""
    agreements = store(SimulatedDirectory([row(document.encode())]), signers=[])
    with pytest.raises(NoAgreementError):
        agreements.in_force("health", WITHIN)


def test_what_cannot_be_read_for_a_minute_grants_nothing(document: str) -> None:
    """An outage of the directory is bridged for 60 seconds and then fails closed, until it is over."""
    directory = SimulatedDirectory([row(document.encode())])
    agreements = store(directory)
    directory.away = True
    for _ in range(11):
        directory.now += 5
        agreements.snapshot.refresh_if_due()
        agreements.in_force("health", WITHIN)
    directory.now += 5
    agreements.snapshot.refresh_if_due()
    with pytest.raises(SnapshotStaleError):
        agreements.in_force("health", WITHIN)
    directory.away = False
    agreements.snapshot.refresh_if_due()
    agreements.in_force("health", WITHIN)


def test_nothing_is_in_force_before_the_first_read(document: str) -> None:
    """A store that has read nothing grants nothing."""
    directory = SimulatedDirectory([row(document.encode())], away=True)
    with pytest.raises(SnapshotStaleError):
        store(directory).in_force("health", WITHIN)


def test_what_did_not_change_is_not_read_again(document: str) -> None:
    """While nothing was written, a poll reads one number and the same terms stay."""
    directory = SimulatedDirectory([row(document.encode())])
    agreements = store(directory)
    terms = agreements.in_force("health", WITHIN)
    agreements.snapshot.refresh()
    assert directory.reads == 1
    directory.put(row(document.encode()))
    agreements.snapshot.refresh()
    assert directory.reads == 2
    assert agreements.in_force("health", WITHIN) is terms
