"""Checks a copy whole against what was trusted last, and names the place of whatever does not fit.

The main path:

1. The copy's checkpoint is believed, of the log that was trusted, not behind it, and of its history.
2. The tiles of level 1 and up have the signed root.
3. Each bundle of leaves leads to its hash in level 1, and the tile over it says the same.
4. Each private entry, with its salt, is the leaf at its place; its columns are what the entry says.
5. The copy holds the private entries that it held when it was trusted, no more and no fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from padan.audit.mirror import belief, entries, granting
from padan.audit.mirror.chunks import CHUNK
from padan.audit.mirror.database import Database
from padan.audit.mirror.progress import Progress
from padan.audit.mirror.tree import need
from padan.errors import DamageError
from padan.tlog.tile import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.audit.entries import Item
    from padan.audit.mirror.place import Copy
    from padan.audit.mirror.tree import Tree
    from padan.audit.mirror.trusted import Holding, Trusted
    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a check has shown.

    Attributes:
        checkpoint: the tree that the copy stands for.
        trusted: the tree that it was held against.
        holding: the private entries; None where there are none.
    """

    checkpoint: Checkpoint
    trusted: Checkpoint
    holding: Holding | None


def verify(copy: Copy, policy: Policy, last: Trusted, *, anew: bool = False) -> Verified:
    """Check a copy.

    Args:
        copy: the copy.
        policy: whom to believe.
        last: what was trusted last, kept outside of the copy.
        anew: compute all columns from the entries, although the record has a digest of them.

    Raises:
        LogError: with the first place that does not fit.
        CopyError: there is no finished copy.
    """
    tree = belief.open_tree(copy, policy, last)
    holding = None
    if copy.database.exists():
        with Database.open(copy.database, settings={"threads": "1"}) as database:
            holding = entries.verify(
                database,
                leaves(copy, tree),
                tree.checkpoint.size,
                through=granting.through(database),
                record=None if anew else last.holding,
            )
    else:
        for _ in leaves(copy, tree):
            pass
        if last.holding is not None and last.holding.through:
            raise DamageError(
                "the copy's database of entries is missing",
                next_step="bring it back, or fetch the entries again with `padan-audit mirror --entries`",
                reason="missing",
            )
    return Verified(checkpoint=tree.checkpoint, trusted=last.believed.checkpoint, holding=holding)


def leaves(copy: Copy, tree: Tree) -> Iterator[list[bytes]]:
    """Check each bundle and the tile over it, and give the leaves of a chunk at a time: step 3.

    Raises:
        DamageError: with the place.
    """
    progress = Progress("leaves", tree.checkpoint.size)
    for first in range(0, tree.bundles, CHUNK // WIDTH):
        tiles = [tree.tile(number) for number in range(first, min(first + CHUNK // WIDTH, tree.bundles))]
        found = tree.check_bundles(
            first,
            [need(copy.read, tile.bundle_path) for tile in tiles],
            [need(copy.read, tile.path) for tile in tiles],
        )
        yield found
        progress.add(len(found))


class CopyEntries:
    """The private entries of a copy, each shown to be in its signed tree; may be gone through more than once."""

    def __init__(self, copy: Copy, policy: Policy, last: Trusted | None) -> None:
        """Take a copy.

        Args:
            copy: one with private entries.
            policy: whom to believe.
            last: what was trusted last; None believes the copy's own checkpoint.
        """
        self._copy = copy
        self._policy = policy
        self._last = last

    def __iter__(self) -> Iterator[Item]:
        """Give them in the order of the log.

        Raises:
            LogError: the copy is damaged, or does not fit what was trusted.
            CopyError: it is not finished.
        """
        tree = belief.open_tree(self._copy, self._policy, self._last)
        with Database.open(self._copy.database) as database:
            yield from entries.entries(database, leaves(self._copy, tree), tree.checkpoint.size)
