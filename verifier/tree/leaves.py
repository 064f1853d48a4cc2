"""Leaves on their way from the log into the tree: without a gap, and each of them its entry's own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from padan.entry import FORMAT, LEAF_LABEL, SALT_SIZE
from padan.entry import leaf as blind
from verifier.tree.errors import LeafMismatchError, TreeForkedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verifier.log.store import BlindRow, LogStore

PAGE: Final = 4_096
"""Entries of a page, whose end is a multiple of that: the head has a checkpoint there."""

_sha256 = hashlib.sha256


def committed(log: LogStore, after: int, end: int, *, page: int = PAGE) -> Iterator[Sequence[BlindRow]]:
    """Read the entries behind a place up to another one, and hash each one again that still has its salt.

    Args:
        log: where they are.
        after: the place before the first.
        end: the last place.
        page: entries at once.

    Raises:
        TreeForkedError: one is missing.
        LeafMismatchError: one is not what its leaf commits to.
        LogUnavailableError: the log cannot be read.
    """
    while after < end:
        rows = log.blind_rows(after, min(page - after % page, end - after))
        if not rows:
            raise TreeForkedError(
                f"entry {after + 1} is missing in the log: restore it, or find out who took it"
            )
        # At once, and one by one only where they differ. A salt of another length could hide a shift into the entry.
        computed = [
            FORMAT + _sha256(b"".join((LEAF_LABEL, salt, entry))).digest() for _, _, _, salt, entry in rows
        ]
        if computed != [row[2] for row in rows] or {len(row[3]) for row in rows} != {SALT_SIZE}:
            _require_own(rows)
        yield rows
        after += len(rows)


def _require_own(rows: Sequence[BlindRow]) -> None:
    """See of each entry that it is what its leaf commits to; an erased one, without salt and content, is not asked."""
    for place, _, leaf, salt, entry in rows:
        erased = not salt and not entry
        if not erased and (len(salt) != SALT_SIZE or blind(salt, entry) != leaf):
            raise LeafMismatchError(
                f"entry {place} is not the one that its leaf commits to: it was changed in the database"
            )
