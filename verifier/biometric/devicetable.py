"""The list of capture devices in the directory's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from verifier import schema
from verifier.biometric.device import Device

if TYPE_CHECKING:
    from verifier.directory import Directory


class DeviceTable:
    """Reads and writes the list; each method is a transaction of its own, and fails with `LogStoreError`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def generation(self) -> int:
        """Read the number that every write to the directory counts up."""
        return self._directory.generation()

    def devices(self) -> list[Device]:
        """List all devices by id, the revoked ones among them."""
        table = schema.capture_device
        with self._directory.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.id))
            return [Device(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name

    def add(self, device: Device) -> None:
        """Add a device.

        Raises:
            AlreadyThereError: its id or its key is there, or its agency is not.
        """
        with self._directory.writing() as connection:
            connection.execute(
                insert(schema.capture_device).values(
                    id=device.id,
                    agency=device.agency,
                    model=device.model,
                    public_key=device.public_key,
                    pad_level=device.pad_level,
                    added_ms=device.added_ms,
                    revoked_ms=device.revoked_ms,
                )
            )

    def revoke(self, device_id: str, *, at_ms: int) -> None:
        """Revoke a device; one that is revoked stays so since when it was."""
        table = schema.capture_device
        key = (table.c.id == device_id) & table.c.revoked_ms.is_(None)
        with self._directory.writing() as connection:
            connection.execute(update(table).where(key).values(revoked_ms=at_ms))
