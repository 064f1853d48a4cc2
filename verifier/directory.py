"""The directory in the log's database: agencies, certificates, agreements, settings.

Every write counts `generation` up in its own transaction, so a worker that sees the same number has read everything.
Failures of the database are `LogStoreError`.
"""

from __future__ import annotations

import enum
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from verifier import schema
from verifier.database import make_engine, one_state, parse_address
from verifier.errors import OperatorError
from verifier.log.mirror_statements import mirrored
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy.engine import Connection, Row


class DirectoryError(OperatorError):
    """The directory does not allow this step."""


class AlreadyThereError(DirectoryError):
    """The agency, certificate or agreement version is there already."""


class NotThereError(DirectoryError):
    """There is no such agency, certificate or agreement version."""


class AgreementStatus(enum.StrEnum):
    """Where an agreement stands."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An agency; times are milliseconds of the Unix epoch."""

    id: str
    name: str
    created_ms: int
    revoked_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that the registry accepted.

    Attributes:
        serial: serial number, lower-case hexadecimal.
        role: agency, auditor, custodian, officer, operator or server.
        holder: id of the agency or name of the person in that role.
        kind: own (of the service's own CA) or outside.
        fingerprint: SHA-256 of the DER, 32 bytes.
        not_before_ms: start of its validity.
        not_after_ms: end of its validity.
        revoked_ms: when it was revoked.
    """

    serial: str
    role: str
    holder: str
    kind: str
    fingerprint: bytes
    not_before_ms: int
    not_after_ms: int
    revoked_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """One version of an agency's agreement, as signed.

    Attributes:
        agency: id of the agency.
        version: the document's version, from 1.
        document: the TOML bytes that were signed.
        signature: Ed25519, 64 bytes.
        signer: the signer's public key or key id.
        status: where it stands.
        activated_ms: when it was last activated.
    """

    agency: str
    version: int
    document: bytes
    signature: bytes
    signer: str
    status: AgreementStatus = AgreementStatus.DRAFT
    activated_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Everything that is revoked.

    Attributes:
        serials: certificates, lower-case hexadecimal.
        agencies: ids of agencies.
    """

    serials: frozenset[str]
    agencies: frozenset[str]


class Directory:
    """Reads and writes the directory. Thread-safe; each method is a transaction of its own."""

    def __init__(self, database: str) -> None:
        """Prepare access.

        Args:
            database: as `Settings.log_database` has it.
        """
        self._engine = make_engine(parse_address(database))

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def generation(self) -> int:
        """Read the number that every write counts up."""
        with self.reading() as connection:
            return int(connection.execute(select(schema.generation.c.value)).scalar_one())

    # Agencies

    def enrol_agency(self, agency: Agency) -> None:
        """Add an agency.

        Raises:
            AlreadyThereError: the id is taken, be it by a revoked agency.
        """
        with self.writing() as connection:
            connection.execute(
                insert(schema.agency).values(
                    id=agency.id,
                    name=agency.name,
                    created_ms=agency.created_ms,
                    revoked_ms=agency.revoked_ms,
                )
            )

    def agencies(self) -> list[Agency]:
        """List the agencies by id, the revoked ones among them."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.agency).order_by(schema.agency.c.id))
            return [Agency(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name

    def agency(self, agency_id: str) -> Agency:
        """Read one agency.

        Raises:
            NotThereError: there is none.
        """
        with self.reading() as connection:
            row = connection.execute(select(schema.agency).where(schema.agency.c.id == agency_id)).first()
        if row is None:
            raise NotThereError(f"no agency {agency_id}")
        return Agency(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name

    def revoke_agency(self, agency_id: str, *, at_ms: int) -> None:
        """Revoke an agency; all its certificates count as revoked with it. Again changes nothing.

        Raises:
            NotThereError: there is none.
        """
        table = schema.agency
        with self.writing() as connection:
            self._must_change(
                connection.execute(
                    update(table)
                    .where(table.c.id == agency_id)
                    .values(revoked_ms=func.coalesce(table.c.revoked_ms, at_ms))
                ).rowcount,
                f"agency {agency_id}",
            )

    def restore_agency(self, agency_id: str) -> None:
        """Lift an agency's revocation; its certificates that were revoked by serial stay revoked.

        Raises:
            NotThereError: there is none.
        """
        table = schema.agency
        with self.writing() as connection:
            self._must_change(
                connection.execute(
                    update(table).where(table.c.id == agency_id).values(revoked_ms=None)
                ).rowcount,
                f"agency {agency_id}",
            )

    # Certificates

    def add_certificate(self, certificate: Certificate) -> None:
        """Add a certificate.

        Raises:
            AlreadyThereError: its serial or fingerprint is there.
        """
        with self.writing() as connection:
            connection.execute(
                insert(schema.certificate).values(
                    serial=certificate.serial,
                    role=certificate.role,
                    holder=certificate.holder,
                    kind=certificate.kind,
                    fingerprint=certificate.fingerprint,
                    not_before_ms=certificate.not_before_ms,
                    not_after_ms=certificate.not_after_ms,
                    revoked_ms=certificate.revoked_ms,
                )
            )

    def certificates(self, holder: str | None = None, *, role: str = "agency") -> list[Certificate]:
        """List the certificates of a role, or of one holder in it, by their end."""
        table = schema.certificate
        query = select(table).where(table.c.role == role).order_by(table.c.not_after_ms, table.c.serial)
        if holder is not None:
            query = query.where(table.c.holder == holder)
        with self.reading() as connection:
            return [Certificate(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - public

    def revoke_certificate(self, serial: str, *, at_ms: int) -> None:
        """Revoke a certificate. Again changes nothing.

        Raises:
            NotThereError: there is none with this serial.
        """
        table = schema.certificate
        with self.writing() as connection:
            self._must_change(
                connection.execute(
                    update(table)
                    .where(table.c.serial == serial)
                    .values(revoked_ms=func.coalesce(table.c.revoked_ms, at_ms))
                ).rowcount,
                f"certificate {serial}",
            )

    def revoked(self) -> Revoked:
        """Read everything that is revoked, in one snapshot."""
        certificate, agency = schema.certificate.c, schema.agency.c
        with self.reading() as connection:
            serials = connection.execute(
                select(certificate.serial).where(certificate.revoked_ms.is_not(None))
            ).scalars()
            agencies = connection.execute(select(agency.id).where(agency.revoked_ms.is_not(None))).scalars()
            return Revoked(serials=frozenset(serials), agencies=frozenset(agencies))

    # Agreements

    def put_agreement(self, row: AgreementRow) -> None:
        """Add a version of an agency's agreement.

        Raises:
            AlreadyThereError: the version is there.
            NotThereError: there is no such agency.
        """
        with self.writing() as connection:
            known = select(schema.agency.c.id).where(schema.agency.c.id == row.agency)
            self._must_change(len(connection.execute(known).all()), f"agency {row.agency}")
            connection.execute(
                insert(schema.agreement).values(
                    agency=row.agency,
                    version=row.version,
                    document=row.document,
                    signature=row.signature,
                    signer=row.signer,
                    status=row.status.value,
                    activated_ms=row.activated_ms,
                )
            )

    def agreements(self, *statuses: AgreementStatus, agency: str | None = None) -> list[AgreementRow]:
        """List agreements by agency and version: those of the given statuses, or all."""
        table = schema.agreement
        query = select(table).order_by(table.c.agency, table.c.version)
        if statuses:
            query = query.where(table.c.status.in_([status.value for status in statuses]))
        if agency is not None:
            query = query.where(table.c.agency == agency)
        with self.reading() as connection:
            return [_agreement(row) for row in connection.execute(query)]

    def set_agreement_status(
        self, agency: str, version: int, status: AgreementStatus, *, at_ms: int | None = None
    ) -> None:
        """Move an agreement to a status; which moves are allowed is the caller's rule.

        Activating a version ends the agency's other active or suspended ones in the same transaction.

        Args:
            agency: id of the agency.
            version: the agreement's version.
            status: the new status.
            at_ms: when it was activated; kept as it is where None.

        Raises:
            NotThereError: there is no such version.
        """
        table = schema.agreement
        values: dict[str, Any] = {"status": status.value}
        if at_ms is not None:
            values["activated_ms"] = at_ms
        with self.writing() as connection:
            if status is AgreementStatus.ACTIVE:
                connection.execute(
                    update(table)
                    .where(
                        table.c.agency == agency,
                        table.c.version != version,
                        table.c.status.in_(["active", "suspended"]),
                    )
                    .values(status="ended")
                )
            changed = connection.execute(
                update(table).where(table.c.agency == agency, table.c.version == version).values(**values)
            )
            self._must_change(changed.rowcount, f"agreement {agency} version {version}")

    # Settings

    def setting(self, name: str) -> str | None:
        """Read a setting; None where it was never set."""
        table = schema.setting
        with self.reading() as connection:
            return connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one_or_none()

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting."""
        table = schema.setting
        with self.writing() as connection:
            connection.execute(delete(table).where(table.c.name == name))
            connection.execute(insert(table).values(name=name, value=value))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one snapshot; for the modules that keep tables of their own beside these."""
        try:
            with one_state(self._engine) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise LogStoreError.of(error) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction that counts the generation up."""
        with self._in_line(1) as connection:
            yield connection

    @contextmanager
    def writing_beside(self) -> Iterator[Connection]:
        """Write in one transaction what is not of the directory: nobody who follows that has anything to read anew."""
        with self._in_line(0) as connection:
            yield connection

    @contextmanager
    def _in_line(self, step: int) -> Iterator[Connection]:
        table = schema.generation
        try:
            with self._engine.begin() as connection, mirrored(connection):
                # First, so that two writers stand in line here and nowhere else.
                connection.execute(update(table).values(value=table.c.value + step))
                yield connection
        except IntegrityError as error:
            raise AlreadyThereError("it is there already") from error
        except SQLAlchemyError as error:
            raise LogStoreError.of(error) from error

    @staticmethod
    def _must_change(count: int, what: str) -> None:
        if count == 0:
            raise NotThereError(f"no {what}")


def _agreement(row: Row[Any]) -> AgreementRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    return AgreementRow(**{**values, "status": AgreementStatus(values["status"])})
