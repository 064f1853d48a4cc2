"""The grants in the directory's database, each version as it was signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from verifier import schema
from verifier.directory import AgreementStatus, NotThereError

if TYPE_CHECKING:
    from verifier.directory import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """One version of an auditor's grant, as signed.

    Attributes:
        auditor: the auditor's id.
        version: the document's version, from 1.
        format: the document's format.
        document: the TOML bytes that were signed.
        signature: Ed25519, 64 bytes.
        signer: id of the signer's key.
        activated_ms: when it was last activated, milliseconds of the Unix epoch.
        status: active, suspended or ended.
    """

    auditor: str
    version: int
    format: int
    document: bytes
    signature: bytes
    signer: str
    activated_ms: int
    status: AgreementStatus = AgreementStatus.ACTIVE


class GrantTable:
    """Reads and writes the grants of a directory; each method is a transaction of its own."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def generation(self) -> int:
        """Read the number that every write to the directory counts up."""
        return self._directory.generation()

    def rows(self, *statuses: AgreementStatus, auditor: str | None = None) -> list[GrantRow]:
        """List versions by auditor and version: those of the given statuses, or all.

        Raises:
            LogStoreError: the database failed.
        """
        table = schema.auditor_grant
        query = select(table).order_by(table.c.auditor, table.c.version)
        if statuses:
            query = query.where(table.c.status.in_([status.value for status in statuses]))
        if auditor is not None:
            query = query.where(table.c.auditor == auditor)
        with self._directory.reading() as connection:
            found = [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name
        return [GrantRow(**{**values, "status": AgreementStatus(values["status"])}) for values in found]

    def put(self, row: GrantRow) -> None:
        """Put a version in force, new or known; the auditor's other versions end in the same transaction.

        Raises:
            LogStoreError: the database failed.
        """
        table = schema.auditor_grant
        with self._directory.writing() as connection:
            of_auditor = table.c.auditor == row.auditor
            connection.execute(update(table).where(of_auditor).values(status=AgreementStatus.ENDED.value))
            changed = connection.execute(
                update(table)
                .where(of_auditor, table.c.version == row.version, table.c.document == row.document)
                .values(
                    signature=row.signature,
                    signer=row.signer,
                    status=row.status.value,
                    activated_ms=row.activated_ms,
                )
            )
            if changed.rowcount == 0:
                connection.execute(
                    insert(table).values(
                        auditor=row.auditor,
                        version=row.version,
                        format=row.format,
                        document=row.document,
                        signature=row.signature,
                        signer=row.signer,
                        status=row.status.value,
                        activated_ms=row.activated_ms,
                    )
                )

    def suspend(self, auditor: str, version: int) -> None:
        """Suspend a version that is in force.

        Raises:
            NotThereError: it is not.
            LogStoreError: the database failed.
        """
        table = schema.auditor_grant
        with self._directory.writing() as connection:
            changed = connection.execute(
                update(table)
                .where(
                    table.c.auditor == auditor,
                    table.c.version == version,
                    table.c.status == AgreementStatus.ACTIVE.value,
                )
                .values(status=AgreementStatus.SUSPENDED.value)
            )
            if changed.rowcount == 0:
                raise NotThereError(f"no active grant of {auditor} version {version}")
