"""Puts a grant in force, and out of it. Each step stands in the log before it is done.

Guarantees: nothing is activated that is not signed by a trusted key for this realm, or that is not newer than what the
auditor had; a document that was activated is never changed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from padan.entry import EntryKind
from verifier.auditor.errors import GrantStateError
from verifier.auditor.parse import FORMAT, parse
from verifier.auditor.sign import require_signed
from verifier.auditor.table import GrantRow, GrantTable
from verifier.directory import AgreementStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.realm import Realm
    from verifier.auditor.model import Grant
    from verifier.directory import Directory

ROLE = "auditor"


class Record(Protocol):
    """Commits an entry about an auditor to the log."""

    def __call__(self, kind: EntryKind, detail: Mapping[str, str], *, agency: str) -> None:
        """Commit it, or raise."""
        ...


def activate(
    directory: Directory,
    record: Record,
    *,
    realm: Realm,
    signers: Sequence[str],
    data: bytes,
    signature_file: bytes,
    name: str,
    now: float,
) -> Grant:
    """Put a signed document in force; the version before it ends.

    Raises:
        GrantDocumentError: malformed.
        GrantSignatureError: not signed by a trusted key for this realm.
        GrantStateError: unknown auditor or agency, not newer, or not begun or over.
    """
    grant = parse(data, name=name)
    key_id, signature = require_signed(realm, data, signature_file, signers)
    table = GrantTable(directory)
    _require_known(directory, grant)
    _require_newer(table.rows(auditor=grant.auditor), grant, data, now)
    detail = {
        "auditor": grant.auditor,
        "version": str(grant.version),
        "mandate": grant.mandate,
        "document": hashlib.sha256(data).hexdigest(),
        "signer": key_id,
    }
    record(EntryKind.AUDITOR_GRANTED, detail, agency="")
    table.put(
        GrantRow(
            auditor=grant.auditor,
            version=grant.version,
            format=FORMAT,
            document=data,
            signature=signature,
            signer=key_id,
            activated_ms=int(now * 1000),
        )
    )
    return grant


def suspend(directory: Directory, record: Record, auditor: str, *, reason: str) -> int:
    """Suspend the grant that is in force for an auditor, and return its version; `activate` it to go on.

    Raises:
        GrantStateError: none is active.
    """
    table = GrantTable(directory)
    active = table.rows(AgreementStatus.ACTIVE, auditor=auditor)
    if not active:
        raise GrantStateError(f"no grant of {auditor} is active")
    version = active[-1].version
    detail = {"auditor": auditor, "version": str(version), "reason": reason}
    record(EntryKind.AUDITOR_SUSPENDED, detail, agency="")
    table.suspend(auditor, version)
    return version


def _require_known(directory: Directory, grant: Grant) -> None:
    certificates = directory.certificates(grant.auditor, role=ROLE)
    if all(certificate.revoked_ms is not None for certificate in certificates):
        raise GrantStateError(f"auditor {grant.auditor} is not enrolled, or is revoked")
    unknown = (grant.reach.agencies or frozenset()) - {agency.id for agency in directory.agencies()}
    if unknown:
        raise GrantStateError(f"agencies that were never enrolled: {', '.join(sorted(unknown))}")


def _require_newer(rows: Sequence[GrantRow], grant: Grant, data: bytes, now: float) -> None:
    if not grant.is_in_force(now):
        raise GrantStateError("the grant has not begun or is over; activate it within its validity")
    newest = max((row.version for row in rows), default=0)
    if grant.version < newest:
        raise GrantStateError(f"version {newest} is there already; raise the version above it")
    if any(row.version == grant.version and row.document != data for row in rows):
        raise GrantStateError(f"version {grant.version} is there with another text; raise the version")
