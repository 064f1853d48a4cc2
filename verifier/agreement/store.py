"""The agreements in force, in memory: read again every few seconds, checked, and never used once too old.

Whoever can write the database cannot grant anything: each document's signature is checked here again, and the agency
is the one that the document names. A row that fails is an alarm and grants nothing; other agencies are not touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from padan.canonical import encode_list
from verifier.agreement.errors import (
    AgreementDocumentError,
    AgreementSignatureError,
    AgreementSuspendedError,
    NoAgreementError,
)
from verifier.agreement.grant import Terms
from verifier.agreement.parse import parse
from verifier.agreement.sign import require_signature
from verifier.directory import AgreementStatus
from verifier.snapshot import LIMIT_SECONDS, POLL_SECONDS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keys.realm import Realm
    from verifier.directory import AgreementRow


class AgreementSource(Protocol):
    """The part of the directory that keeps agreements; raises where it cannot be read."""

    def generation(self) -> int:
        """Read the number that every write counts up."""
        ...

    def agreements(self, *statuses: AgreementStatus, agency: str | None = None) -> Sequence[AgreementRow]:
        """List agreements of the given statuses."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of an agency's agreement, ready for asking."""

    terms: Terms
    suspended: bool


class AgreementStore:
    """Finds the terms in force for an agency.

    Args:
        source: the database.
        realm: registry and environment of this service.
        signers: the public keys that may sign, base64.
        on_fault: told of a row that grants nothing, by agency, version and fault.
        clock: monotonic seconds.
        poll: seconds between two reads.
        limit: age in seconds from which nothing is granted any more.
    """

    def __init__(
        self,
        source: AgreementSource,
        *,
        realm: Realm,
        signers: Sequence[str],
        on_fault: Callable[[str, int, str], None] = lambda _agency, _version, _fault: None,
        clock: Callable[[], float] = time.monotonic,
        poll: float = POLL_SECONDS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._source = source
        self._realm = realm
        self._signers = tuple(signers)
        self._on_fault = on_fault
        self._checked: dict[bytes, Terms] = {}
        self._last: tuple[int, Mapping[str, tuple[Version, ...]]] | None = None
        self.snapshot: Snapshot[Mapping[str, tuple[Version, ...]]] = Snapshot(
            self._load, clock=clock, poll=poll, limit=limit
        )

    def in_force(self, agency: str, now: float) -> Terms:
        """Find an agency's terms: those of the highest version that has begun.

        Args:
            agency: id of the agency.
            now: seconds of the Unix epoch.

        Raises:
            NoAgreementError: none has begun, or the last one has ended.
            AgreementSuspendedError: it is suspended.
            SnapshotStaleError: the database could not be read for too long.
        """
        for version in self.snapshot.current().get(agency, ()):
            if version.terms.agreement.valid_from <= now:
                if version.suspended:
                    raise AgreementSuspendedError("the agreement is suspended")
                version.terms.require_in_force(now)
                return version.terms
        raise NoAgreementError("no agreement of this agency is in force")

    def all_in_force(self, now: float) -> list[Terms]:
        """List the terms in force of every agency that has some.

        Raises:
            SnapshotStaleError: the database could not be read for too long.
        """
        found: list[Terms] = []
        for agency in self.snapshot.current():
            with contextlib.suppress(NoAgreementError, AgreementSuspendedError):
                found.append(self.in_force(agency, now))
        return found

    def _load(self) -> Mapping[str, tuple[Version, ...]]:
        """Read and check all versions, newest first; what was read or checked before is taken as it is."""
        generation = self._source.generation()
        if self._last is not None and self._last[0] == generation:
            return self._last[1]
        checked: dict[bytes, Terms] = {}
        versions: dict[str, list[Version]] = {}
        rows = self._source.agreements(AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED)
        for row in sorted(rows, key=lambda row: row.version, reverse=True):
            key = _key(row)
            try:
                terms = self._checked.get(key) or check_row(row, realm=self._realm, signers=self._signers)
            except (AgreementDocumentError, AgreementSignatureError) as error:
                self._on_fault(row.agency, row.version, str(error))
                continue
            checked[key] = terms
            suspended = row.status is not AgreementStatus.ACTIVE
            versions.setdefault(row.agency, []).append(Version(terms=terms, suspended=suspended))
        found = {agency: tuple(of_agency) for agency, of_agency in versions.items()}
        self._checked, self._last = checked, (generation, found)
        return found


def check_row(row: AgreementRow, *, realm: Realm, signers: Sequence[str]) -> Terms:
    """Check a stored version as if it came from a stranger, and make it ready for asking.

    Raises:
        AgreementSignatureError: not signed by a trusted key for this realm, or kept under another agency or version.
        AgreementDocumentError: the document is malformed.
    """
    require_signature(realm, row.document, row.signer, row.signature, signers)
    agreement = parse(row.document, name=f"{row.agency} version {row.version}").agreement
    if agreement.agency != row.agency or agreement.version != row.version:
        raise AgreementSignatureError("the document is kept under another agency or version than it names")
    return Terms.of(agreement)


def _key(row: AgreementRow) -> bytes:
    """Name what was checked: the row's key and everything that the check reads."""
    parts = (row.agency.encode(), str(row.version).encode(), row.signer.encode(), row.signature, row.document)
    return hashlib.sha256(encode_list(parts)).digest()
