"""Where a sequencer goes on: the folder is held against checkpoint, head and log before anything is written.

 1 the checkpoint is this log's own, and the tiles come to its root
 2 the head's tree is the same one, an earlier one (another host has published since), or the one that was to be
   published when a process died: its tiles stand then
 3 the last leaves of the log are those of the tree
The tiles before the edge are not read: `padan-server log check` reads all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.errors import LogFormatError
from padan.tlog import merkle, note, tile
from padan.tlog.edge import Edge
from padan.tlog.tile import WIDTH, Tile, TileNodes
from verifier.headfile import Extent
from verifier.tree.errors import TreeBehindError, TreeForkedError

if TYPE_CHECKING:
    from padan.tlog.note import Note
    from verifier.headfile import Head
    from verifier.log.store import LogStore
    from verifier.tree.folder import TreeFolder
    from verifier.tree.signing import CheckpointSigner

EMPTY: Final = Extent(0, merkle.EMPTY_ROOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Where to go on.

    Attributes:
        edge: of the tree.
        published: leaves of the published checkpoint.
        pending: what the head has and no checkpoint says yet; None for nothing.
        standing: the published checkpoint, which the log has signed; None where there is none.
    """

    edge: Edge
    published: int
    pending: Extent | None
    standing: Note | None


def resume(head: Head, *, folder: TreeFolder, signer: CheckpointSigner, log: LogStore) -> Resumed:
    """Find where to go on.

    Raises:
        TreeBehindError: the folder is lost or an older copy.
        TreeForkedError: folder, head and log are of different histories.
        LogUnavailableError: the folder or the log cannot be read.
    """
    data = folder.checkpoint()
    stated = _stated(data, signer)
    seen = head.published or EMPTY
    last = max(stated, seen)
    if stated.entries == seen.entries and stated.root != seen.root:
        raise TreeForkedError(f"head and checkpoint have {seen.entries} leaves and different roots")
    edge = _edge(folder, last, stated)
    _require_root(folder, stated, last.entries)  # 1
    _require_root(folder, seen, last.entries)  # 2
    _require_leaves(edge, folder, log)  # 3
    return Resumed(
        edge=edge,
        published=stated.entries,
        pending=last if last != stated else None,
        standing=None if data is None else note.parse(data),
    )


def published(folder: TreeFolder, signer: CheckpointSigner) -> Extent:
    """Read what the published checkpoint states; the empty tree where there is none.

    Raises:
        TreeForkedError: it is not this log's.
        TreeStoreError: it cannot be read.
    """
    return _stated(folder.checkpoint(), signer)


def _stated(data: bytes | None, signer: CheckpointSigner) -> Extent:
    if data is None:
        return EMPTY
    stated = signer.read(data)
    return Extent(stated.size, stated.root)


def _edge(folder: TreeFolder, last: Extent, stated: Extent) -> Edge:
    try:
        edge = Edge.read(last.entries, folder.read)
    except LogFormatError as error:
        raise TreeBehindError(
            f"{folder.path}: the head has seen {last.entries} published leaves and the folder's checkpoint says "
            f"{stated.entries}, but {error}: the folder is lost, or an older copy"
        ) from error
    if edge.size and edge.root != last.root:
        raise _forked(folder, last)
    return edge


def _require_root(folder: TreeFolder, extent: Extent, size: int) -> None:
    """See that the tiles of the tree over `size` leaves begin with a smaller tree of this root."""
    try:
        root = merkle.root(extent.entries, TileNodes(size, folder.read))
    except LogFormatError as error:
        raise TreeBehindError(f"{folder.path}: {error}: the folder is damaged") from error
    if root != extent.root:
        raise _forked(folder, extent)


def _require_leaves(edge: Edge, folder: TreeFolder, log: LogStore) -> None:
    """See that the last leaves, one full bundle at least, are those of the log."""
    size = edge.size
    first = max(0, (size // WIDTH - 1) * WIDTH)
    try:
        whole = Tile(0, first // WIDTH, min(WIDTH, size - first))
        leaves = tile.decode_bundle(folder.read(whole.bundle_path), whole.width) if size else []
        hashes = tile.decode_tile(folder.read(whole.path), whole) if size else []
    except LogFormatError as error:
        raise TreeBehindError(f"{folder.path}: {error}: the folder is damaged") from error
    if [merkle.leaf_hash(leaf) for leaf in leaves] != hashes:
        raise TreeForkedError(f"{folder.path}: {whole.bundle_path} has other leaves than its tile")
    if size >= WIDTH:
        leaves += edge.leaves
    stored = log.leaves(first, size - first)
    if len(stored) < size - first:
        raise TreeForkedError(
            f"the log has {log.head().sequence} entries, and {size} are in its published tree: it is an older copy"
        )
    for place, (leaf, kept) in enumerate(zip(leaves, stored, strict=True), first + 1):
        if leaf != kept:
            raise TreeForkedError(f"entry {place} has another leaf in the log than in its published tree")


def _forked(folder: TreeFolder, extent: Extent) -> TreeForkedError:
    return TreeForkedError(
        f"{folder.path}: the tiles do not come to the root that was signed for {extent.entries} leaves"
    )
