"""Enrolment: the log first, the name checked as the gate checks it, and nobody twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from padan.entry import EntryKind
from tests.unit.verifier.certificates import DOMAIN, NOW, SERVER, certificate, request, uri
from verifier.ca import CertificateAuthority
from verifier.enrolment import OUTSIDE, OWN, Caller, Enrolment, EnrolmentError, days_left, sign_request
from verifier.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from verifier.directory import Agency, Certificate

HEALTH = Caller(role="agency", id="health")
AUDITOR = Caller(role="auditor", id="ana")


def pem(role: str = "agency", caller_id: str = "health") -> bytes:
    """Make a caller's certificate."""
    return certificate([uri(f"spiffe://{DOMAIN}/{role}/{caller_id}")])


@dataclass
class SimulatedDirectory:
    """A directory in memory that notes the order of what happens."""

    known: dict[str, Agency] = field(default_factory=dict)
    rows: list[Certificate] = field(default_factory=list)
    happened: list[Any] = field(default_factory=list)
    log_away: bool = False

    def enrol_agency(self, agency: Agency) -> None:
        """Add an agency."""
        self.happened.append("agency")
        self.known[agency.id] = agency

    def agencies(self) -> Sequence[Agency]:
        """List the agencies."""
        return list(self.known.values())

    def revoke_agency(self, agency_id: str, *, at_ms: int) -> None:
        """Revoke an agency."""
        self.happened.append("revoked")
        self.known[agency_id] = replace(self.known[agency_id], revoked_ms=at_ms)

    def restore_agency(self, agency_id: str) -> None:
        """Lift a revocation."""
        self.happened.append("restored")
        self.known[agency_id] = replace(self.known[agency_id], revoked_ms=None)

    def add_certificate(self, certificate: Certificate) -> None:
        """Add a certificate."""
        self.happened.append("certificate")
        self.rows.append(certificate)

    def certificates(self, holder: str | None = None, *, role: str = "agency") -> Sequence[Certificate]:
        """List certificates."""
        return [row for row in self.rows if row.role == role and holder in {None, row.holder}]

    def revoke_certificate(self, serial: str, *, at_ms: int) -> None:
        """Revoke a certificate."""
        self.happened.append("certificate revoked")
        self.rows = [replace(row, revoked_ms=at_ms) if row.serial == serial else row for row in self.rows]

    def record(self, kind: EntryKind, detail: Mapping[str, str], *, agency: str) -> None:
        """Note an entry, or fail."""
        if self.log_away:
            raise LogUnavailableError("away")
        self.happened.append((kind, agency, dict(detail)))


@pytest.fixture
def directory() -> SimulatedDirectory:
    """An empty directory."""
    return SimulatedDirectory()


@pytest.fixture
def enrolment(directory: SimulatedDirectory) -> Enrolment:
    """The steps over it."""
    return Enrolment(directory, directory.record, trust_domain=DOMAIN, now=NOW)


def test_enrolment_is_logged_first(directory: SimulatedDirectory, enrolment: Enrolment) -> None:
    """The entry names the certificate, and comes before agency and certificate."""
    done = enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    (kind, agency, detail), *rest = directory.happened
    assert (kind, agency) == (EntryKind.AGENCY_ENROLLED, "health")
    assert detail == {
        "role": "agency",
        "id": "health",
        "serial": done.serial,
        "fingerprint": done.fingerprint.hex(),
        "ca": "own",
    }
    assert rest == ["agency", "certificate"]
    assert directory.known["health"].name == "Health"


def test_nothing_changes_without_the_log(directory: SimulatedDirectory, enrolment: Enrolment) -> None:
    """Where the entry cannot be committed, nobody is let in and nobody shut out."""
    enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    before = list(directory.happened)
    directory.log_away = True
    for step in (
        lambda: enrolment.enrol(AUDITOR, pem("auditor", "ana"), name="", kind=OWN),
        lambda: enrolment.renew(HEALTH, pem(), kind=OWN),
        lambda: enrolment.revoke(HEALTH),
        lambda: enrolment.revoke_certificate(HEALTH, directory.rows[0].serial),
    ):
        with pytest.raises(LogUnavailableError):
            step()
    assert directory.happened == before


def test_nobody_is_enrolled_twice(enrolment: Enrolment) -> None:
    """An enrolled caller renews; an id in another role is another caller."""
    enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    with pytest.raises(EnrolmentError, match="renew"):
        enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    enrolment.enrol(Caller(role="auditor", id="health"), pem("auditor"), name="", kind=OWN)


def test_other_roles_are_no_agencies(directory: SimulatedDirectory, enrolment: Enrolment) -> None:
    """An auditor gets a certificate, and no agency of its name appears."""
    enrolment.enrol(AUDITOR, pem("auditor", "ana"), name="", kind=OWN)
    assert directory.known == {}
    assert directory.happened[0][:2] == (EntryKind.AGENCY_ENROLLED, "")


@pytest.mark.attack
@pytest.mark.parametrize(
    "wrong",
    [
        pem(caller_id="tax"),
        pem("auditor"),
        certificate([uri("spiffe://other.example/agency/health")]),
        certificate([uri(f"spiffe://{DOMAIN}/agency/health")], usages=(SERVER,)),
        certificate([uri(f"spiffe://{DOMAIN}/agency/health")], days=(-9, -1)),
        certificate([]),
        b"none",
    ],
)
def test_an_outside_certificate_must_be_the_callers(
    directory: SimulatedDirectory, enrolment: Enrolment, wrong: bytes
) -> None:
    """A certificate that the gate would refuse, or that names somebody else, is not registered."""
    with pytest.raises(EnrolmentError):
        enrolment.enrol(HEALTH, wrong, name="Health", kind=OUTSIDE)
    assert directory.happened == []


def test_renewal_leaves_the_old_certificate_in_use(
    directory: SimulatedDirectory, enrolment: Enrolment
) -> None:
    """Old and new overlap, so that no call fails."""
    with pytest.raises(EnrolmentError, match="enrol it first"):
        enrolment.renew(HEALTH, pem(), kind=OWN)
    enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    enrolment.renew(HEALTH, pem(), kind=OWN)
    assert [row.revoked_ms for row in directory.rows] == [None, None]
    assert directory.happened[-2][0] is EntryKind.CERTIFICATE_ISSUED


def test_a_certificate_is_revoked_by_its_holder_and_serial(
    directory: SimulatedDirectory, enrolment: Enrolment
) -> None:
    """A serial of somebody else is refused, so that a slip shuts out nobody."""
    enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    other = enrolment.enrol(Caller(role="agency", id="tax"), pem(caller_id="tax"), name="Tax", kind=OWN)
    with pytest.raises(EnrolmentError, match="has no certificate"):
        enrolment.revoke_certificate(HEALTH, other.serial)
    enrolment.revoke_certificate(HEALTH, directory.rows[0].serial)
    assert [row.revoked_ms is None for row in directory.rows] == [False, True]
    assert directory.happened[-2][0] is EntryKind.CERTIFICATE_REVOKED


def test_a_revoked_agency_stays_out_until_it_is_restored(
    directory: SimulatedDirectory, enrolment: Enrolment
) -> None:
    """No enrolment and no renewal goes around a revocation."""
    enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    enrolment.revoke(HEALTH)
    assert directory.happened[-2:] == [(EntryKind.AGENCY_REVOKED, "health", {"id": "health"}), "revoked"]
    directory.rows.clear()
    with pytest.raises(EnrolmentError, match="restore"):
        enrolment.enrol(HEALTH, pem(), name="Health", kind=OWN)
    with pytest.raises(EnrolmentError):
        enrolment.renew(HEALTH, pem(), kind=OWN)
    enrolment.restore("health")
    assert directory.happened[-2:] == [(EntryKind.AGENCY_RESTORED, "health", {"id": "health"}), "restored"]
    with pytest.raises(EnrolmentError, match="not revoked"):
        enrolment.restore("health")


def test_another_role_is_revoked_by_all_its_certificates(
    directory: SimulatedDirectory, enrolment: Enrolment
) -> None:
    """Where there is no agency, each certificate is revoked."""
    enrolment.enrol(AUDITOR, pem("auditor", "ana"), name="", kind=OWN)
    enrolment.renew(AUDITOR, pem("auditor", "ana"), kind=OWN)
    enrolment.revoke(AUDITOR)
    assert all(row.revoked_ms is not None for row in directory.rows)
    with pytest.raises(EnrolmentError, match="not enrolled"):
        enrolment.revoke(Caller(role="auditor", id="nobody"))


def test_a_request_is_signed_for_the_caller(tmp_path: Path, enrolment: Enrolment) -> None:
    """What the CA signs from a request is what enrolment accepts, with the root behind it."""
    authority = CertificateAuthority.create(tmp_path, trust_domain=DOMAIN, now=NOW)
    signed = sign_request(authority, HEALTH, request(), trust_domain=DOMAIN, days=90, now=NOW)
    assert signed.endswith(authority.pem)
    done = enrolment.enrol(HEALTH, signed, name="Health", kind=OWN)
    assert days_left(done, NOW) == 90
    assert days_left(done, NOW + timedelta(days=61)) == 29
    assert days_left(done, NOW + timedelta(days=91)) == -1
