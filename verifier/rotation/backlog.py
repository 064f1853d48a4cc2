"""What the new epoch of an inner rotation lacks: changes that the old one has followed and the source does not hold.

The registry's documents are taken once more, for the new epoch alone. A change that is newer there stays. Marks are as
they are: what a feed erased then, and officers have lifted since, is not erased again.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.directory import Directory
from verifier.feed.sync import Sync
from verifier.log.open import open_log
from verifier.resident.rights import Rights
from verifier.resident.table import MarkTable
from verifier.vault.open import open_rows
from verifier.vault.pairs import Pair
from verifier.vault.rotation import RotationStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Connection

    from verifier.feed.document import Feed
    from verifier.feed.sync import Summary
    from verifier.projector.progress import Meter
    from verifier.resident.rights import Batch
    from verifier.rotation.means import Means
    from verifier.vault.epoch import Epoch
    from verifier.vault.pairs import Beside
    from verifier.vault.rows import VaultRows
    from verifier.vault.store import Row


def replay(means: Means, feed: Feed, *, meter: Meter) -> Summary:
    """Keep a document's changes for the new epoch.

    Raises:
        RotationStateError: that lacks nothing of the feed.
        FeedGapError: changes before the document's first are missing.
        ServiceError: a database is away.
        KeysError: a key may not be used.
    """
    settings = means.settings
    if feed.source not in means.rotations.behind():
        raise RotationStateError(f"epoch {means.there.target} lacks nothing of {feed.source}")
    with (
        closing(open_log(settings.log_database)) as log,
        closing(Directory(settings.log_database)) as directory,
        closing(open_rows(settings.vault_database)) as vault,
    ):
        rights = _AsMarked(means.agent, log, MarkTable(directory), source=feed.source)
        return Sync(means.agent, _Backlog(means, vault), rights, meter=meter, is_replay=True).run(feed)


class _AsMarked(Rights):
    """The marks as they are: heeded, and not changed by what was said before."""

    def keep(self, batch: Batch) -> None:
        """Write nothing down."""
        del batch


class _Backlog:
    """The new epoch, as a feed changes it: its rows wait until they are carried over."""

    def __init__(self, means: Means, vault: VaultRows) -> None:
        self._means = means
        self._vault = vault

    def epoch(self) -> Epoch:
        """Read what the new epoch is now."""
        return self._means.epoch(self._means.there.target)

    def other(self, epoch: Epoch) -> Epoch:
        """Read what the old epoch is, whose tokens stand beside; its rows do not, whoever made them."""
        old = self._means.epoch(self._means.there.source)
        return replace(old, normaliser=epoch.normaliser, suite=epoch.suite)

    def position(self, epoch: Epoch, source: str) -> int:
        """Read to where the new epoch holds a source's older changes."""
        del epoch
        return self._means.rotations.behind()[source].position

    def boxes(self, epoch: Epoch, tokens: Iterable[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held, or wait."""
        wanted = sorted(set(tokens))
        return {**self._vault.boxes(epoch.number, wanted), **self._means.rotations.boxes(wanted)}

    def apply(
        self,
        epoch: Epoch,
        rows: Sequence[Row],
        *,
        added: int,
        source: str,
        before: int,
        after: int,
        as_of_ms: int,
        beside: Beside | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> Epoch:
        """Keep rows, and write down how far the source was replayed."""
        del added, as_of_ms, also
        boxes, found = dict(rows), () if beside is None else beside.pairs
        self._means.rotations.replayed(
            self._means.there,
            [
                Pair(token=pair.other, other=pair.token, revision=pair.revision, box=boxes[pair.token])
                for pair in found
            ],
            source=source,
            before=before,
            after=after,
        )
        return epoch

    def replace(self, epoch: Epoch, rows: Sequence[Row]) -> None:
        """Do nothing: who was erased meanwhile is seen when rows are carried over."""
        del epoch, rows
