"""Puts an agreement in force, and out of it. Each step stands in the log before it is done.

Guarantees: nothing is activated that is not signed by a trusted key for this realm, that the linter refuses, or that
is not newer than what the agency had; a document that was activated is never changed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from padan import times
from padan.entry import EntryKind, Field
from tokenizer.codes import CodeLists
from verifier.agreement.errors import AgreementDocumentError, AgreementStateError, Problem
from verifier.agreement.finding import Severity
from verifier.agreement.lint import LintFinding, lint
from verifier.agreement.parse import Document, parse
from verifier.agreement.reader import show_path
from verifier.agreement.sign import require_signed
from verifier.directory import AgreementRow, AgreementStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.realm import Realm
    from verifier.agreement.model import Agreement
    from verifier.directory import Agency

WARN_DAYS: Final = 30
"""Before an agreement ends."""


class Record(Protocol):
    """Commits an entry about an agreement to the log."""

    def __call__(
        self, kind: EntryKind, detail: Mapping[str, str], *, agency: str, fields: Mapping[int, bytes]
    ) -> None:
        """Commit it, or raise."""
        ...


class AgreementDirectory(Protocol):
    """The part of the directory that keeps agreements."""

    def agencies(self) -> Sequence[Agency]:
        """List the agencies."""
        ...

    def agreements(self, *statuses: AgreementStatus, agency: str | None = None) -> Sequence[AgreementRow]:
        """List agreements."""
        ...

    def put_agreement(self, row: AgreementRow) -> None:
        """Add a version."""
        ...

    def set_agreement_status(
        self, agency: str, version: int, status: AgreementStatus, *, at_ms: int | None = None
    ) -> None:
        """Move a version to a status; activating one ends the others."""
        ...


def review(data: bytes, *, name: str, now: float) -> tuple[Document, tuple[LintFinding, ...]]:
    """Read a document and look for what is wrong with it; the command `agreement check`.

    Raises:
        AgreementDocumentError: it is malformed, or the linter refuses it; all errors at once, by line.

    Returns:
        The document and the linter's warnings.
    """
    document = parse(data, name=name)
    codes = {int(item.attribute): frozenset(code.code for code in item.codes) for item in CodeLists.load()}
    findings = lint(document.agreement, now=now, code_lists=codes)
    errors = [
        Problem(
            line=document.line(found.path), where=show_path(found.path), wrong=found.wrong, right=found.right
        )
        for found in findings
        if found.severity is Severity.ERROR
    ]
    if errors:
        raise AgreementDocumentError(name, sorted(errors, key=lambda problem: problem.line))
    return document, findings


def activate(
    directory: AgreementDirectory,
    record: Record,
    *,
    realm: Realm,
    signers: Sequence[str],
    data: bytes,
    signature_file: bytes,
    name: str,
    now: float,
) -> Agreement:
    """Put a signed document in force; the version before it ends.

    Raises:
        AgreementDocumentError: malformed, or refused by the linter.
        AgreementSignatureError: not signed by a trusted key for this realm.
        AgreementStateError: unknown or revoked agency, not newer, not begun or over, or with a token domain of another.
    """
    document, _ = review(data, name=name, now=now)
    agreement = document.agreement
    key_id, signature = require_signed(realm, data, signature_file, signers)
    known = _require_newer(directory, agreement, data, now)
    _require_own_domains(directory, agreement)
    detail = {
        "document": hashlib.sha256(data).hexdigest(),
        "signer": key_id,
        "until": times.text(datetime.fromtimestamp(agreement.valid_until, tz=UTC)),
    }
    record(EntryKind.AGREEMENT_ACTIVATED, detail, agency=agreement.agency, fields=_fields(agreement))
    if not known:
        directory.put_agreement(
            AgreementRow(
                agency=agreement.agency,
                version=agreement.version,
                document=data,
                signature=signature,
                signer=key_id,
            )
        )
    directory.set_agreement_status(
        agreement.agency, agreement.version, AgreementStatus.ACTIVE, at_ms=int(now * 1000)
    )
    return agreement


def suspend(directory: AgreementDirectory, record: Record, agency: str, *, reason: str) -> int:
    """Suspend the agreement that is in force for an agency, and return its version; `activate` it to go on.

    Raises:
        AgreementStateError: none is active.
    """
    active = directory.agreements(AgreementStatus.ACTIVE, agency=agency)
    if not active:
        raise AgreementStateError(f"no agreement of {agency} is active")
    row = active[-1]
    fields: dict[int, bytes] = {Field.AGREEMENT_VERSION: row.version.to_bytes(4, "big")}
    record(EntryKind.AGREEMENT_SUSPENDED, {"reason": reason}, agency=agency, fields=fields)
    directory.set_agreement_status(agency, row.version, AgreementStatus.SUSPENDED)
    return row.version


def _require_newer(directory: AgreementDirectory, agreement: Agreement, data: bytes, now: float) -> bool:
    """Refuse what does not fit what is there, and say whether this very document is there already."""
    agency = next((each for each in directory.agencies() if each.id == agreement.agency), None)
    if agency is None or agency.revoked_ms is not None:
        raise AgreementStateError(f"agency {agreement.agency} is not enrolled, or is revoked")
    if not agreement.valid_from <= now < agreement.valid_until:
        raise AgreementStateError(
            "the agreement has not begun or is over; activate it within its validity, so that no gap opens"
        )
    rows = directory.agreements(agency=agreement.agency)
    same = next((row for row in rows if row.version == agreement.version), None)
    if same is not None and same.document != data:
        raise AgreementStateError(
            f"version {agreement.version} is there with another text; raise the version"
        )
    newest = max((row.version for row in rows), default=0)
    if agreement.version < newest:
        raise AgreementStateError(f"version {newest} is there already; raise the version above it")
    return same is not None


def _require_own_domains(directory: AgreementDirectory, agreement: Agreement) -> None:
    """Refuse a token domain that another agency's agreement names: with one domain the two could join their rows."""
    domains = _domains(agreement)
    if not domains:
        return
    for row in directory.agreements(AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED):
        if row.agency != agreement.agency:
            shared = domains & _domains(parse(row.document, name=row.agency).agreement)
            if shared:
                raise AgreementStateError(
                    f"the token domain {min(shared)} is {row.agency}'s; name another one, or end that agreement first"
                )


def _domains(agreement: Agreement) -> set[str]:
    return {purpose.token_domain for purpose in agreement.purposes} - {""}


def _fields(agreement: Agreement) -> Mapping[int, bytes]:
    return {
        Field.AGREEMENT: agreement.agreement_id.encode(),
        Field.AGREEMENT_VERSION: agreement.version.to_bytes(4, "big"),
    }
