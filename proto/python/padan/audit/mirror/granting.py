"""Fetches the private entries that an auditor was granted, and takes in only what is a leaf of the verified tree.

1. The list is read page by page, from the page on at which the last run ended.
2. Each entry, with its salt, must be the leaf at its place; of an erased one there is the leaf alone.
3. Entries, their columns and the place in the list are committed together, some pages at a time.

Entries behind the tree's last leaf are left for the next run, since nothing proves them yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import pyarrow as pa

from padan.audit.mirror import belief, columns, trusted
from padan.audit.mirror.chunks import CHUNK, Ledger, split
from padan.audit.mirror.database import Database, guard
from padan.audit.mirror.entries import check_columns
from padan.audit.mirror.progress import Progress
from padan.audit.mirror.tree import need
from padan.entry import LEAF_SIZE, EntryError, leaf
from padan.errors import DamageError
from padan.tlog.tile import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from padan.audit.mirror.place import Copy
    from padan.audit.mirror.tree import Tree
    from padan.audit.mirror.trusted import Holding
    from padan.tlog.policy import Policy
    from padan.v1 import audit_pb2

PAGE: Final = 1_000
COMMIT: Final = 20
"""Pages in one commit."""
_PAGE_TOKEN: Final = "page_token"  # noqa: S105 - a name
_THROUGH: Final = "through"
_DIGITS: Final = 19
"""Of the largest place that a log can have."""
_KEEP_COPY: Final = "keep the copy as it is; then throw its database of entries away and fetch them again"
_KEEP: Final = "keep what the service sent and show it to the registry's supervisor"


class Listing(Protocol):
    """Lists what a grant shows; `AuditClient` does it over mutual TLS."""

    def pages(
        self, token: str = "", *, page_size: int = PAGE
    ) -> Iterator[tuple[str, Sequence[audit_pb2.LogEntry]]]:
        """Give pages of entries, each with the token that asks for it again; see `AuditClient.pages`."""
        ...


class Leaves:
    """The leaves of a verified tree, read from a copy and checked bundle by bundle."""

    def __init__(self, copy: Copy, tree: Tree) -> None:
        self._copy = copy
        self._tree = tree
        self._number = -1
        self._bundle: list[bytes] = []

    def __getitem__(self, sequence: int) -> bytes:
        """Give the leaf of an entry, 33 bytes.

        Raises:
            DamageError: its bundle is damaged.
        """
        number, place = divmod(sequence - 1, WIDTH)
        if number != self._number:
            tile = self._tree.tile(number)
            self._bundle = self._tree.check_bundle(number, need(self._copy.read, tile.bundle_path))
            self._number = number
        return self._bundle[place]


def update(client: Listing, copy: Copy, policy: Policy, record: Path) -> tuple[Holding, int]:
    """Bring a copy's private entries up to its tree, and the record outside up to them.

    Args:
        client: asks the service.
        copy: locked by the caller; its tree is up to date.
        policy: whom to believe.
        record: what was trusted last.

    Returns:
        What the copy holds, and how many entries fewer than before: only where its database was made anew.

    Raises:
        DamageError: an entry is not the leaf at its place, or the copy was changed since it was trusted.
        PadanError: the service refuses, or is away; what is committed stays.
    """
    known = trusted.read(record, policy)
    tree, is_new = belief.open_tree(copy, policy, known), not copy.database.exists()
    with Database.create(copy.database) as database:
        fetch(client, database, copy, tree)
        holding = hold(database, tree.checkpoint.size, None if is_new else known.holding)
    trusted.write(record, known.note, holding)
    before = known.holding.held if is_new and known.holding is not None else 0
    return holding, max(0, before - holding.held)


def fetch(client: Listing, database: Database, copy: Copy, tree: Tree) -> None:
    """Bring a copy's private entries up to its tree.

    Args:
        client: asks the service.
        database: the copy's.
        copy: holds the leaves.
        tree: verified.

    Raises:
        DamageError: an entry is not the leaf at its place.
        PadanError: the service refuses, or is away; what is committed stays.
    """
    size, leaves = tree.checkpoint.size, Leaves(copy, tree)
    last = database.last()
    progress = Progress("entries", size - last)
    taken: list[audit_pb2.LogEntry] = []
    token, pages = database.state(_PAGE_TOKEN), 0
    for asked, page in client.pages(token, page_size=PAGE):
        new = [item for item in page if last < item.sequence <= size]
        for item in new:
            check(item, leaves[item.sequence])
        taken += new
        last, pages = max([last, *(item.sequence for item in new)]), pages + 1
        if pages % COMMIT == 0:
            _commit(database, taken, {_PAGE_TOKEN: asked, _THROUGH: str(last)})
            taken = []
        progress.add(len(new))
        token = asked
        if page and page[-1].sequence >= size:
            break
    _commit(database, taken, {_PAGE_TOKEN: token, _THROUGH: str(size)})


def check(item: audit_pb2.LogEntry, in_tree: bytes) -> None:
    """Hold what the service sent against the leaf in the verified tree.

    Raises:
        DamageError: it does not fit.
    """
    erased = not item.entry and not item.salt
    try:
        own = item.leaf if erased else leaf(item.salt, item.entry)
    except EntryError:
        own = b""
    if own != in_tree or len(own) != LEAF_SIZE or item.leaf != own:
        raise DamageError(
            f"what the service sent as entry {item.sequence} is not the leaf at its place in the signed tree",
            next_step=_KEEP,
            reason="entry",
        )


def through(database: Database) -> int:
    """Say up to which place of the log entries were asked for.

    Raises:
        DamageError: what stands there is no place.
    """
    text = database.state(_THROUGH) or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise DamageError(
            "the copy's database of entries does not say up to which place they were fetched: it was changed",
            next_step=_KEEP_COPY,
            reason="database",
        )
    return int(text)


def _commit(database: Database, taken: Sequence[audit_pb2.LogEntry], state: dict[str, str]) -> None:
    if not taken:
        database.append(None, state)
        return
    with columns.computer() as computer:
        rows = columns.compute(
            computer,
            pa.array([item.sequence for item in taken], pa.uint64()),
            _binary(item.entry for item in taken),
            _binary(item.salt for item in taken),
        )
    database.append(rows, state)


def _binary(values: Iterable[bytes]) -> pa.Array:
    return pa.array([value or None for value in values], pa.large_binary())


def hold(database: Database, size: int, record: Holding | None) -> Holding:
    """Say what a copy holds now, for the record outside of it.

    What the record speaks of already is not looked at again, but for the chunk at its end, which must be what it was.

    Raises:
        DamageError: that chunk was changed since, or without a record a column is not what its entry says.
    """
    now = through(database)
    ledger = Ledger(now)
    with columns.computer() as computer, guard():
        for chunk in split(database.batches(entries=record is None), size):
            known = record.chunks[chunk.number] if record and chunk.number < len(record.chunks) else None
            if record is None:
                check_columns(computer, chunk)
            elif known and record.through < chunk.first + CHUNK - 1:
                if chunk.digest(record.through) != known:
                    raise DamageError(
                        f"what the copy holds from entry {chunk.first} on was changed since it was trusted",
                        next_step="run `padan-audit verify`, which names the place",
                        reason="holding",
                    )
                known = None
            ledger.add(chunk, known)
    return ledger.holding()
