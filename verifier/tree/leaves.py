"""Leaves on their way from the log into the tree: without a gap, and each of them its entry's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.entry import leaf as blind
from verifier.tree.errors import LeafMismatchError, TreeForkedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verifier.log.store import BlindRow, LogStore

PAGE: Final = 8_192


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
        rows = log.blind_rows(after, min(page, end - after))
        if not rows:
            raise TreeForkedError(
                f"entry {after + 1} is missing in the log: restore it, or find out who took it"
            )
        for row in rows:
            if (row.salt or row.entry) and blind(row.salt, row.entry) != row.leaf:
                raise LeafMismatchError(
                    f"entry {row.sequence} is not the one that its leaf commits to: "
                    "it was changed in the database"
                )
        yield rows
        after += len(rows)
