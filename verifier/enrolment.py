"""Lets callers in and shuts them out: enrol, renew, revoke. Each step stands in the log before it is done.

A caller is an agency, or a person or service in another role (auditor, custodian, officer, operator). Its
certificate is signed here from its request (CSR), or comes from an outside CA that the configuration accepts; either
way it is registered by fingerprint, and nobody else can use the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from padan.entry import EntryKind
from verifier.directory import Agency, Certificate
from verifier.errors import OperatorError
from verifier.identity import CertificateRefusedError, PeerReader, UnknownCallerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from verifier.ca import CertificateAuthority

AGENCY_ROLE: Final = "agency"
OWN: Final = "own"
OUTSIDE: Final = "outside"
WARN_DAYS: Final = 30


class EnrolmentError(OperatorError):
    """The step does not fit what is registered already, or the certificate is not one for this caller."""


class Record(Protocol):
    """Commits an entry about a caller to the log."""

    def __call__(self, kind: EntryKind, detail: Mapping[str, str], *, agency: str) -> None:
        """Commit it, or raise."""
        ...


class CallerDirectory(Protocol):
    """The part of the directory that knows callers."""

    def enrol_agency(self, agency: Agency) -> None:
        """Add an agency."""
        ...

    def agencies(self) -> Sequence[Agency]:
        """List the agencies."""
        ...

    def revoke_agency(self, agency_id: str, *, at_ms: int) -> None:
        """Revoke an agency."""
        ...

    def restore_agency(self, agency_id: str) -> None:
        """Lift an agency's revocation."""
        ...

    def add_certificate(self, certificate: Certificate) -> None:
        """Add a certificate."""
        ...

    def certificates(self, holder: str | None = None, *, role: str = AGENCY_ROLE) -> Sequence[Certificate]:
        """List certificates."""
        ...

    def revoke_certificate(self, serial: str, *, at_ms: int) -> None:
        """Revoke a certificate."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is enrolled: a role and an id in it."""

    role: str
    id: str

    @property
    def agency(self) -> str:
        """The agency whose entries tell of this caller; empty for another role."""
        return self.id if self.role == AGENCY_ROLE else ""


class Enrolment:
    """The steps, over a directory and a log.

    Args:
        directory: knows the callers.
        record: commits an entry.
        trust_domain: host part of every name.
        now: an aware time.
    """

    def __init__(
        self, directory: CallerDirectory, record: Record, *, trust_domain: str, now: datetime
    ) -> None:
        self._directory = directory
        self._record = record
        self._trust_domain = trust_domain
        self._now = now
        self._now_ms = int(now.timestamp() * 1000)

    def enrol(self, caller: Caller, pem: bytes, *, name: str, kind: str) -> Certificate:
        """Register a new caller with its first certificate.

        Args:
            caller: role and id.
            pem: the certificate.
            name: the agency's name for people.
            kind: OWN or OUTSIDE.

        Raises:
            EnrolmentError: it is enrolled already, or the certificate is not one for it.
        """
        certificate = self._check(caller, pem, kind)
        self.require_new(caller)
        self._log(EntryKind.AGENCY_ENROLLED, caller, certificate)
        if caller.role == AGENCY_ROLE and not self._agency(caller.id):
            self._directory.enrol_agency(Agency(id=caller.id, name=name, created_ms=self._now_ms))
        self._directory.add_certificate(certificate)
        return certificate

    def renew(self, caller: Caller, pem: bytes, *, kind: str) -> Certificate:
        """Register a further certificate; those before it stay in use until they end or are revoked.

        Raises:
            EnrolmentError: not enrolled, revoked, or the certificate is not one for it.
        """
        certificate = self._check(caller, pem, kind)
        self.require_enrolled(caller)
        self._log(EntryKind.CERTIFICATE_ISSUED, caller, certificate)
        self._directory.add_certificate(certificate)
        return certificate

    def revoke_certificate(self, caller: Caller, serial: str) -> None:
        """Revoke one certificate of a caller.

        Raises:
            EnrolmentError: it has none with this serial.
        """
        held = self._directory.certificates(caller.id, role=caller.role)
        if serial not in {certificate.serial for certificate in held}:
            raise EnrolmentError(f"{caller.role} {caller.id} has no certificate {serial}")
        self._record(
            EntryKind.CERTIFICATE_REVOKED,
            {"role": caller.role, "id": caller.id, "serial": serial},
            agency=caller.agency,
        )
        self._directory.revoke_certificate(serial, at_ms=self._now_ms)

    def revoke(self, caller: Caller) -> None:
        """Revoke a caller wholly: an agency as such, another role by each of its certificates.

        Raises:
            EnrolmentError: not enrolled.
        """
        if not self._is_enrolled(caller):
            raise EnrolmentError(f"{caller.role} {caller.id} is not enrolled")
        if caller.role == AGENCY_ROLE:
            self._record(EntryKind.AGENCY_REVOKED, {"id": caller.id}, agency=caller.id)
            self._directory.revoke_agency(caller.id, at_ms=self._now_ms)
            return
        for certificate in self._directory.certificates(caller.id, role=caller.role):
            if certificate.revoked_ms is None:
                self.revoke_certificate(caller, certificate.serial)

    def restore(self, agency_id: str) -> None:
        """Lift an agency's revocation; certificates that were revoked by serial stay so.

        Raises:
            EnrolmentError: not enrolled, or not revoked.
        """
        agency = self._agency(agency_id)
        if agency is None or agency.revoked_ms is None:
            raise EnrolmentError(f"agency {agency_id} is not revoked")
        self._record(EntryKind.AGENCY_RESTORED, {"id": agency_id}, agency=agency_id)
        self._directory.restore_agency(agency_id)

    def require_new(self, caller: Caller) -> None:
        """Refuse a caller that is enrolled, or was revoked; asked before a certificate is signed.

        Raises:
            EnrolmentError: so it is.
        """
        self._refuse_revoked(caller)
        if self._is_enrolled(caller):
            raise EnrolmentError(
                f"{caller.role} {caller.id} is enrolled already; renew its certificate instead"
            )

    def require_enrolled(self, caller: Caller) -> None:
        """Refuse a caller that is not enrolled, or is revoked.

        Raises:
            EnrolmentError: so it is.
        """
        if not self._is_enrolled(caller):
            raise EnrolmentError(f"{caller.role} {caller.id} is not enrolled; enrol it first")
        self._refuse_revoked(caller)

    def _refuse_revoked(self, caller: Caller) -> None:
        agency = self._agency(caller.agency)
        if agency is not None and agency.revoked_ms is not None:
            raise EnrolmentError(f"agency {caller.id} is revoked; restore it first")

    def _check(self, caller: Caller, pem: bytes, kind: str) -> Certificate:
        """Read a certificate as the gate will read it, so that nothing is registered that cannot be used."""
        try:
            peer = PeerReader(self._trust_domain).peer_of(pem)
        except (UnknownCallerError, CertificateRefusedError) as error:
            raise EnrolmentError(f"the certificate cannot be used: {error}") from error
        if (peer.kind, peer.id) != (caller.role, caller.id):
            raise EnrolmentError(f"the certificate names another caller than {caller.role} {caller.id}")
        if peer.not_after <= self._now.timestamp():
            raise EnrolmentError("the certificate is expired")
        return Certificate(
            serial=peer.serial,
            role=caller.role,
            holder=caller.id,
            kind=kind,
            fingerprint=peer.fingerprint,
            not_before_ms=peer.not_before * 1000,
            not_after_ms=peer.not_after * 1000,
        )

    def _log(self, kind: EntryKind, caller: Caller, certificate: Certificate) -> None:
        detail = {
            "role": caller.role,
            "id": caller.id,
            "serial": certificate.serial,
            "fingerprint": certificate.fingerprint.hex(),
            "ca": certificate.kind,
        }
        self._record(kind, detail, agency=caller.agency)

    def _agency(self, agency_id: str) -> Agency | None:
        return next((agency for agency in self._directory.agencies() if agency.id == agency_id), None)

    def _is_enrolled(self, caller: Caller) -> bool:
        return bool(self._directory.certificates(caller.id, role=caller.role))


def sign_request(
    authority: CertificateAuthority,
    caller: Caller,
    csr: bytes,
    *,
    trust_domain: str,
    days: int,
    now: datetime,
) -> bytes:
    """Sign a caller's request, and return the certificate in PEM with its root after it."""
    issued = authority.issue(
        csr, trust_domain=trust_domain, kind=caller.role, caller_id=caller.id, days=days, now=now
    )
    return issued.pem + authority.pem


def days_left(certificate: Certificate, now: datetime) -> int:
    """Count the whole days until a certificate ends; negative once it has."""
    end = timedelta(milliseconds=certificate.not_after_ms)
    return (end - timedelta(seconds=now.timestamp())).days
