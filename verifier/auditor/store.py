"""The grants in force, in memory: read again every few seconds, checked, and never used once too old.

Whoever can write the database cannot grant anything: each document's signature is checked here again, and the auditor
is the one that the document names. A row that fails is an alarm and grants nothing; other auditors are not touched.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from verifier.auditor.errors import GrantDocumentError, GrantSignatureError, NoGrantError
from verifier.auditor.parse import parse
from verifier.auditor.sign import require_signature
from verifier.directory import AgreementStatus
from verifier.snapshot import LIMIT_SECONDS, POLL_SECONDS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keys.realm import Realm
    from verifier.auditor.model import Grant
    from verifier.auditor.table import GrantRow


class GrantSource(Protocol):
    """Keeps grants; raises where they cannot be read."""

    def generation(self) -> int:
        """Read the number that every write counts up."""
        ...

    def rows(self, *statuses: AgreementStatus, auditor: str | None = None) -> Sequence[GrantRow]:
        """List versions of the given statuses."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An auditor's newest grant that passed the check."""

    grant: Grant
    suspended: bool


class GrantStore:
    """Finds the grant in force for an auditor.

    Args:
        source: the database.
        realm: registry and environment of this service.
        signers: the public keys that may sign, base64.
        on_fault: told of a row that grants nothing, by auditor, version and fault.
        clock: monotonic seconds.
        poll: seconds between two reads.
        limit: age in seconds from which nothing is granted any more.
    """

    def __init__(
        self,
        source: GrantSource,
        *,
        realm: Realm,
        signers: Sequence[str],
        on_fault: Callable[[str, int, str], None] = lambda _auditor, _version, _fault: None,
        clock: Callable[[], float] = time.monotonic,
        poll: float = POLL_SECONDS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._source = source
        self._realm = realm
        self._signers = tuple(signers)
        self._on_fault = on_fault
        self._last: tuple[int, Mapping[str, Standing]] | None = None
        self.snapshot: Snapshot[Mapping[str, Standing]] = Snapshot(
            self._load, clock=clock, poll=poll, limit=limit
        )

    def in_force(self, auditor: str, now: float) -> Grant:
        """Find an auditor's grant.

        Args:
            auditor: the auditor's id.
            now: seconds of the Unix epoch.

        Raises:
            NoGrantError: there is none, or it is suspended, not begun or over; the message says which.
            SnapshotStaleError: the database could not be read for too long.
        """
        found = self.snapshot.current().get(auditor)
        if found is None:
            raise NoGrantError("this auditor has no grant: ask for a signed one to be activated")
        if found.suspended:
            raise NoGrantError("this auditor's grant is suspended: ask for it to be activated again")
        if not found.grant.is_in_force(now):
            raise NoGrantError("this auditor's grant has not begun or is over: ask for a new version")
        return found.grant

    def _load(self) -> Mapping[str, Standing]:
        """Read and check all grants that are not ended; what was read before is taken as it is."""
        generation = self._source.generation()
        if self._last is not None and self._last[0] == generation:
            return self._last[1]
        found: dict[str, Standing] = {}
        rows = self._source.rows(AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED)
        for row in sorted(rows, key=lambda row: row.version):
            try:
                grant = check_row(row, realm=self._realm, signers=self._signers)
            except (GrantDocumentError, GrantSignatureError) as error:
                self._on_fault(row.auditor, row.version, str(error))
                continue
            suspended = row.status is not AgreementStatus.ACTIVE
            found[row.auditor] = Standing(grant=grant, suspended=suspended)
        self._last = (generation, found)
        return found


def check_row(row: GrantRow, *, realm: Realm, signers: Sequence[str]) -> Grant:
    """Check a stored version as if it came from a stranger.

    Raises:
        GrantSignatureError: not signed by a trusted key for this realm, or kept under another auditor or version.
        GrantDocumentError: the document is malformed.
    """
    require_signature(realm, row.document, row.signer, row.signature, signers)
    grant = parse(row.document, name=f"{row.auditor} version {row.version}")
    if grant.auditor != row.auditor or grant.version != row.version:
        raise GrantSignatureError("the document is kept under another auditor or version than it names")
    return grant
