"""The head of the log in a store apart: docs/formats/head.md, format 1. A small file, best on another disk.

It is replaced whole or not at all, durably, and only by who has read what stands there (compare and swap under a lock),
so that of two processes none moves it back.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from verifier.chain import HASH_SIZE, Chain
from verifier.errors import OperatorError, ServiceError
from verifier.secret_file import replace_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.realm import Realm

FORMAT: Final = 1
FILE: Final = "head.json"
"""Its name in a folder."""
MOST_CHECKPOINTS: Final = 2
_NAMES: Final = {"format", "registry_id", "environment", "entries", "chain", "checkpoints", "keyring"}


class HeadFormatError(OperatorError):
    """The file is no head of this registry that this release can read."""


class HeadStoreError(ServiceError):
    """The head's file cannot be read or written."""


class HeadConflictError(Exception):
    """Another process has written the head meanwhile; never reaches a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the log and the keyring had come to.

    Attributes:
        chain: the log's entries and their chained hash.
        keyring: the keyring's counter.
        checkpoints: chains of no more entries, ascending, at most two: from the first of two on, or from the beginning,
            the chain can be computed again.
    """

    chain: Chain
    keyring: int
    checkpoints: tuple[Chain, ...] = ()


def encode(realm: Realm, head: Head) -> bytes:
    """Write the file."""
    document = {
        "format": FORMAT,
        "registry_id": realm.registry_id,
        "environment": realm.environment,
        "entries": head.chain.entries,
        "chain": head.chain.hash.hex(),
        "checkpoints": [{"entries": chain.entries, "chain": chain.hash.hex()} for chain in head.checkpoints],
        "keyring": head.keyring,
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def decode(realm: Realm, data: bytes) -> Head:
    """Read the file.

    Raises:
        HeadFormatError: malformed, of a later format, or of another registry or environment.
    """
    try:
        document: dict[str, Any] = json.loads(data)
        if document["format"] != FORMAT:
            raise HeadFormatError(
                "the head has a format that this release does not know; a later one wrote it"
            )
        if (document["registry_id"], document["environment"]) != (realm.registry_id, realm.environment):
            raise HeadFormatError("the head is of another registry or environment")
        head = Head(
            chain=_chain(document),
            keyring=_count(document["keyring"]),
            checkpoints=tuple(map(_chain, document["checkpoints"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise HeadFormatError("the head is malformed") from error
    counts = [chain.entries for chain in head.checkpoints]
    orderly = sorted(set(counts)) == counts and max(counts, default=0) <= head.chain.entries
    if not orderly or len(counts) > MOST_CHECKPOINTS or document.keys() != _NAMES:
        raise HeadFormatError("the head is malformed")
    return head


class HeadFile:
    """One head's file. Every method may be called by any process at any time."""

    def __init__(self, path: Path, realm: Realm) -> None:
        """Prepare access.

        Args:
            path: of the file.
            realm: whose head it is.
        """
        self.path = path
        self._realm = realm

    def read(self) -> Head | None:
        """Read the head; None where there is none yet.

        Raises:
            HeadFormatError: what is there is none of this registry's.
            HeadStoreError: the file cannot be read.
        """
        try:
            return decode(self._realm, self.path.read_bytes())
        except FileNotFoundError:
            return None
        except HeadFormatError as error:
            raise HeadFormatError(f"{self.path}: {error}") from error
        except OSError as error:
            raise HeadStoreError(f"{self.path}: cannot be read ({error.strerror})") from error

    def swap(self, before: Head | None, after: Head) -> None:
        """Put a head in the place of the one that was read; durable when this returns.

        Raises:
            HeadConflictError: another one stands there now.
            HeadFormatError: what stands there now is none of this registry's.
            HeadStoreError: the file cannot be written.
        """
        try:
            with self._locked():
                if self.read() != before:
                    raise HeadConflictError
                replace_secret(self.path, encode(self._realm, after))
        except OSError as error:
            raise HeadStoreError(f"{self.path}: cannot be written ({error.strerror})") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _chain(document: Any) -> Chain:
    link = bytes.fromhex(document["chain"])
    if len(link) != HASH_SIZE:
        raise ValueError("a chained hash has 32 bytes")
    return Chain(_count(document["entries"]), link)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is a whole number")
    return value
