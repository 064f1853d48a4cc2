"""Capture devices: what the operator lists of them, and how they get on the list and off it, each step logged first.

A device is listed for one agency. Its id and its key are taken for good, so that what the log says of a device is of
one device; one that goes to another agency gets another id and another key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from keys import signing
from keys.errors import KeyUseError
from padan import signature
from padan.entry import EntryKind
from padan.probe import DEVICE
from padan.signature import SignatureError
from verifier.agreement import sign
from verifier.agreement.errors import AgreementSignatureError
from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verifier.directory import Agency

MOST_LEVEL: Final = 3
"""The highest level at which presentation attack detection is tested; 0 is a device that was not."""
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/()+-]{0,63}")
_PEM: Final = b"-----BEGIN"


class DeviceError(OperatorError):
    """The step does not fit what is listed already, or what is said of the device is malformed."""


class DeviceKeyError(DeviceError):
    """The file holds no public key that a device could sign with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A capture device; times are milliseconds of the Unix epoch.

    Attributes:
        id: names it to everybody.
        agency: id of the agency whose captures it makes.
        model: the maker's name for its kind.
        public_key: Ed25519, 32 bytes.
        pad_level: of attacks against which a laboratory tested its detection (ISO/IEC 30107-3), 1 to 3; 0: none.
        added_ms: when it was listed.
        revoked_ms: when it was revoked.
    """

    id: str
    agency: str
    model: str
    public_key: bytes
    pad_level: int
    added_ms: int
    revoked_ms: int | None = None

    @property
    def key_id(self) -> str:
        """The key's thumbprint."""
        return signing.thumbprint(self.public_key)


class Table(Protocol):
    """Keeps the list."""

    def devices(self) -> Sequence[Device]:
        """List all devices by id, the revoked ones among them."""
        ...

    def add(self, device: Device) -> None:
        """Add one."""
        ...

    def revoke(self, device_id: str, *, at_ms: int) -> None:
        """Revoke one."""
        ...


class Record(Protocol):
    """Commits an entry about an agency's device to the log."""

    def __call__(self, kind: EntryKind, detail: Mapping[str, str], *, agency: str) -> None:
        """Commit it, or raise."""
        ...


class DeviceList:
    """Lists devices and revokes them.

    Args:
        table: the list.
        record: commits an entry.
        agencies: the enrolled agencies.
    """

    def __init__(self, table: Table, record: Record, agencies: Sequence[Agency]) -> None:
        self._table = table
        self._record = record
        self._agencies = {agency.id for agency in agencies if agency.revoked_ms is None}

    def add(self, device: Device) -> None:
        """List a device.

        Raises:
            DeviceError: id, model or level is malformed, the agency is not enrolled, or id or key is taken.
            DeviceKeyError: nobody can sign with this key.
            LogUnavailableError: the entry cannot be committed; nothing is listed.
        """
        _require_well_formed(device)
        if device.agency not in self._agencies:
            raise DeviceError(f"no agency {device.agency} is enrolled")
        for known in self._table.devices():
            if known.id == device.id:
                raise DeviceError(
                    f"the id {device.id} is taken{' by a revoked device' * (known.revoked_ms is not None)}"
                )
            if known.public_key == device.public_key:
                raise DeviceError(f"the key is that of the device {known.id}")
        self._record(
            EntryKind.DEVICE_ADDED,
            {
                "device": device.id,
                "model": device.model,
                "key": device.key_id,
                "pad_level": str(device.pad_level),
            },
            agency=device.agency,
        )
        self._table.add(device)

    def revoke(self, device_id: str, *, at_ms: int) -> Device:
        """Revoke a device: from then on nothing that it says is believed.

        Args:
            device_id: its id.
            at_ms: now.

        Raises:
            DeviceError: there is none, or it is revoked already.
            LogUnavailableError: the entry cannot be committed; nothing is revoked.
        """
        found = next((each for each in self._table.devices() if each.id == device_id), None)
        if found is None:
            raise DeviceError(f"no device {device_id} is listed")
        if found.revoked_ms is not None:
            raise DeviceError(f"the device {device_id} is revoked already")
        self._record(
            EntryKind.DEVICE_REVOKED, {"device": device_id, "key": found.key_id}, agency=found.agency
        )
        self._table.revoke(device_id, at_ms=at_ms)
        return found


def read_public(data: bytes) -> bytes:
    """Read a device's public key, 32 bytes: SubjectPublicKeyInfo in PEM (RFC 8410), or base64 of the raw key.

    Raises:
        DeviceKeyError: neither.
    """
    try:
        if data.lstrip().startswith(_PEM):
            return signature.public_key_of(data)
        return sign.public_key(data.decode(errors="replace").strip())
    except (SignatureError, AgreementSignatureError) as error:
        raise DeviceKeyError(f"not an Ed25519 public key: {error}") from None


def _require_well_formed(device: Device) -> None:
    if not DEVICE.fullmatch(device.id):
        raise DeviceError("a device's id is 1 to 64 of A-Z a-z 0-9 . _ -")
    if not _MODEL.fullmatch(device.model):
        raise DeviceError(
            "a model is 1 to 64 of A-Z a-z 0-9 space . _ / ( ) + -, beginning with a letter or digit"
        )
    if not 0 <= device.pad_level <= MOST_LEVEL:
        raise DeviceError(f"a level is 0 (not tested) to {MOST_LEVEL}")
    try:
        signing.require_point(device.public_key)
    except KeyUseError as error:
        raise DeviceKeyError(str(error)) from None
