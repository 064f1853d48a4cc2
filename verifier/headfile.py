"""The head of the log in a store apart: docs/formats/head.md, format 2. A small file, best on another disk.

It is replaced whole or not at all, durably, and only by who has read what stands there (compare and swap under a lock),
so that of two processes none moves it back. A head of format 1, which the release before wrote, is read and replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from padan.tlog.frontier import Frontier
from padan.tlog.merkle import HASH_SIZE
from verifier.chain import Chain
from verifier.errors import OperatorError, ServiceError
from verifier.secret_file import replace_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from keys.realm import Realm

FORMAT: Final = 2
_BEFORE: Final = 1
FILE: Final = "head.json"
"""Its name in a folder."""
WINDOW: Final = 4_096
"""Entries between two checkpoints."""
MOST_CHECKPOINTS: Final = 2
_COMMON: Final = {"format", "registry_id", "environment", "entries", "checkpoints", "keyring"}
_NAMES: Final = _COMMON | {"root", "peaks", "published"}
_NAMES_BEFORE: Final = _COMMON | {"chain"}


class HeadFormatError(OperatorError):
    """The file is no head of this registry that this release can read."""


class HeadStoreError(ServiceError):
    """The head's file cannot be read or written."""


class HeadConflictError(Exception):
    """Another process has written the head meanwhile; never reaches a person."""


class Extent(NamedTuple):
    """What a log has come to.

    Attributes:
        entries: how many.
        root: of the tree over their leaves, 32 bytes.
    """

    entries: int
    root: bytes

    @classmethod
    def of(cls, frontier: Frontier) -> Extent:
        """Read it from a tree's frontier."""
        return cls(frontier.size, frontier.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """What a head of format 1 has seen: the chained hash over the log's leaves, and two of its checkpoints."""

    chain: Chain
    checkpoints: tuple[Chain, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the log and the keyring had come to.

    Attributes:
        tree: the tree over the log's leaves.
        keyring: the keyring's counter.
        checkpoints: trees of no more entries, ascending, at most two: from the first of two on, or from the beginning,
            the tree can be computed again.
        published: the tree of the last checkpoint that was signed; None before the first.
        before: what a head of format 1 says; `tree` is empty then.
    """

    tree: Frontier
    keyring: int
    checkpoints: tuple[Frontier, ...] = ()
    published: Extent | None = None
    before: ChainHead | None = None

    @property
    def extent(self) -> Extent:
        """The log's entries and their root; in a head of format 1 the chained hash stands for it."""
        return Extent.of(self.tree) if self.before is None else Extent(*self.before.chain)

    def moved(self, trees: Sequence[Frontier]) -> Head:
        """Move the head on over ascending trees, of which those at a multiple of WINDOW become checkpoints."""
        ahead = [tree for tree in trees if tree.size > self.tree.size]
        if not ahead:
            return self
        checkpoints = *self.checkpoints, *(tree for tree in ahead if tree.size % WINDOW == 0)
        return replace(self, tree=ahead[-1], checkpoints=checkpoints[-MOST_CHECKPOINTS:])


def encode(realm: Realm, head: Head) -> bytes:
    """Write the file."""
    document = {
        "format": FORMAT,
        "registry_id": realm.registry_id,
        "environment": realm.environment,
        "entries": head.tree.size,
        "root": head.tree.root.hex(),
        "peaks": _hashes(head.tree),
        "checkpoints": [{"entries": tree.size, "peaks": _hashes(tree)} for tree in head.checkpoints],
        "keyring": head.keyring,
        "published": None
        if head.published is None
        else {"entries": head.published.entries, "root": head.published.root.hex()},
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def decode(realm: Realm, data: bytes) -> Head:
    """Read the file.

    Raises:
        HeadFormatError: malformed, of a later format, or of another registry or environment.
    """
    try:
        document: dict[str, Any] = json.loads(data)
        if document["format"] not in {_BEFORE, FORMAT}:
            raise HeadFormatError(
                "the head has a format that this release does not know; a later one wrote it"
            )
        if (document["registry_id"], document["environment"]) != (realm.registry_id, realm.environment):
            raise HeadFormatError("the head is of another registry or environment")
        return _read_before(document) if document["format"] == _BEFORE else _read(document)
    except (KeyError, TypeError, ValueError) as error:
        raise HeadFormatError("the head is malformed") from error


def _read(document: dict[str, Any]) -> Head:
    published = document["published"]
    head = Head(
        tree=_frontier(document),
        keyring=_count(document["keyring"]),
        checkpoints=tuple(map(_frontier, document["checkpoints"])),
        published=None
        if published is None
        else Extent(_count(published["entries"]), _hash(published["root"])),
    )
    _require_order([tree.size for tree in head.checkpoints], head.tree.size)
    if head.tree.root != _hash(document["root"]) or document.keys() != _NAMES:
        raise ValueError("a root that is not the tree's, or another member")
    return head


def _read_before(document: dict[str, Any]) -> Head:
    before = ChainHead(chain=_chain(document), checkpoints=tuple(map(_chain, document["checkpoints"])))
    _require_order([chain.entries for chain in before.checkpoints], before.chain.entries)
    if document.keys() != _NAMES_BEFORE:
        raise ValueError("another member")
    return Head(tree=Frontier(), keyring=_count(document["keyring"]), before=before)


def _require_order(counts: list[int], most: int) -> None:
    if sorted(set(counts)) != counts or max(counts, default=0) > most or len(counts) > MOST_CHECKPOINTS:
        raise ValueError("checkpoints ascend, and there are at most two")


class HeadFile:
    """One head's file. Every method may be called by any process at any time."""

    def __init__(self, path: Path, realm: Realm) -> None:
        """Prepare access.

        Args:
            path: of the file.
            realm: whose head it is.
        """
        self.path = path
        self._lock = path.with_name(
            f"{path.name}.lock"
        )  # made once, for the reason that verifier.secret_file gives
        self._realm = realm
        self._decoded: tuple[bytes, Head] | None = None

    def read(self) -> Head | None:
        """Read the head; None where there is none yet.

        Raises:
            HeadFormatError: what is there is none of this registry's.
            HeadStoreError: the file cannot be read.
        """
        try:
            data, last = self.path.read_bytes(), self._decoded
            if last is None or last[0] != data:  # it is read three times for each change
                last = self._decoded = data, decode(self._realm, data)
            return last[1]
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
                data = encode(self._realm, after)
                replace_secret(self.path, data)
                self._decoded = data, after
        except OSError as error:
            raise HeadStoreError(f"{self.path}: cannot be written ({error.strerror})") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _hashes(tree: Frontier) -> list[str]:
    return [peak.hex() for peak in tree.peaks]


def _frontier(document: Any) -> Frontier:
    size, peaks = _count(document["entries"]), tuple(map(_hash, document["peaks"]))
    if len(peaks) != size.bit_count():
        raise ValueError("a tree has a peak for each bit of its size")
    return Frontier(size, peaks)


def _chain(document: Any) -> Chain:
    return Chain(_count(document["entries"]), _hash(document["chain"]))


def _hash(text: Any) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != HASH_SIZE:
        raise ValueError("a hash has 32 bytes")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is a whole number")
    return value
