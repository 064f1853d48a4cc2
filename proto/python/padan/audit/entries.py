"""Where an auditor's entries come from: the service, or a file of what it gave; each fits its leaf.

`Entries` is all that a search asks for, so that another source, such as a verified copy of the whole log, can stand in.
A file has one JSON document a line, with `sequence`, and `entry`, `salt`, `leaf` in hexadecimal, as `padan-audit
list --raw` prints.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from padan.audit import listing
from padan.errors import AuditError
from padan.v1 import audit_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from padan.audit.listing import AuditClient

_KIND_AT: Final = slice(7, 9)
"""Behind the format byte and the header of the first field, which is KIND."""


class Item(NamedTuple):
    """One entry.

    Attributes:
        sequence: its place in the log.
        kind: padan.entry.EntryKind.
        entry: the private entry; empty where it was erased, as is the salt then.
        leaf: 33 bytes.
    """

    sequence: int
    kind: int
    entry: bytes
    salt: bytes
    leaf: bytes


class Entries(Protocol):
    """What a search goes through; may be gone through more than once."""

    def __iter__(self) -> Iterator[Item]:
        """Give the entries in the order of the log; each that is not erased fits its leaf."""
        ...


class ServiceEntries:
    """The entries that the service shows this auditor."""

    def __init__(self, client: AuditClient) -> None:
        self._client = client

    def __iter__(self) -> Iterator[Item]:
        """Read them, page by page.

        Raises:
            AuditError: one does not fit its leaf.
            PadanError: the service refuses, or is away.
        """
        return map(_checked, self._client.items(listing.Filter()))


class FileEntries:
    """The entries of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Item]:
        """Read them, line by line.

        Raises:
            AuditError: the file cannot be read, a line is none, the order is broken, or an entry does not fit its leaf.
        """
        last = 0
        try:
            with self._path.open(encoding="ascii") as lines:
                for number, line in enumerate(lines, 1):
                    item = _read(line, f"{self._path}:{number}")
                    if item.sequence <= last:
                        raise AuditError(f"{self._path}:{number}: entries are out of order", reason="order")
                    last = item.sequence
                    yield _checked(item)
        except (OSError, UnicodeDecodeError):
            raise AuditError(
                f"{self._path}: cannot be read",
                reason="file",
                next_step="name a file that padan-audit list --raw has written",
            ) from None


def spell(item: audit_pb2.LogEntry) -> dict[str, Any]:
    """Write an entry as a line of a file has it."""
    return {
        "sequence": item.sequence,
        "entry": item.entry.hex(),
        "salt": item.salt.hex(),
        "leaf": item.leaf.hex(),
    }


def _read(line: str, where: str) -> audit_pb2.LogEntry:
    try:
        content = json.loads(line)
        return audit_pb2.LogEntry(
            sequence=content["sequence"],
            entry=bytes.fromhex(content["entry"]),
            salt=bytes.fromhex(content["salt"]),
            leaf=bytes.fromhex(content["leaf"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AuditError(
            f"{where}: not an entry",
            reason="file",
            next_step="write the file anew with padan-audit list --raw",
        ) from None


def _checked(item: audit_pb2.LogEntry) -> Item:
    listing.check(item)
    kind = int.from_bytes(item.entry[_KIND_AT], "big")
    return Item(item.sequence, kind, item.entry, item.salt, item.leaf)
