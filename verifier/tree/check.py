"""Checks a published tree whole, file by file, against the log's leaves; and builds it anew from them.

1 every entry that still has its salt is hashed again
2 every file below `tile/` and `places/` is byte for byte what the leaves make of it, partial ones too; none is missing
and none is there that does not belong
3 checkpoint and head state the root that the leaves come to
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from padan.errors import LogFormatError
from padan.tlog import note
from padan.tlog.edge import Edge
from padan.tlog.frontier import Frontier
from verifier.tree import places, resume
from verifier.tree.errors import TreeBehindError, TreeError, TreeForkedError
from verifier.tree.folder import TreeFolder, first_leaves
from verifier.tree.leaves import committed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from padan.tlog.edge import File
    from verifier.headfile import Extent, Head
    from verifier.log.store import LogStore
    from verifier.tree.signing import CheckpointSigner

_PAGE = places.BLOCK
_HASH = 32


def check_tree(head: Head | None, *, folder: TreeFolder, signer: CheckpointSigner, log: LogStore) -> Extent:
    """Check a tree whole; reads every leaf and every file. Returns what is published.

    Raises:
        TreeBehindError: something is missing.
        TreeForkedError: something is another than the leaves make it.
        LeafMismatchError: an entry was changed.
        LogUnavailableError: log or folder cannot be read.
    """
    stated = resume.published(folder, signer)
    seen = resume.EMPTY if head is None or head.published is None else head.published
    end = log.head().sequence
    if stated.entries > end or seen.entries > end:
        raise TreeForkedError(
            f"the log has {end} entries, and {max(stated.entries, seen.entries)} are in its published tree:"
            " it is an older copy"
        )
    comparison = _Comparison(folder, required=max(stated.entries, seen.entries))
    roots = _roots(log, comparison, end, {stated.entries, seen.entries})
    for extent, what in ((stated, "checkpoint"), (seen, "head")):  # 3
        if roots[extent.entries] != extent.root:
            raise TreeForkedError(
                f"the first {extent.entries} leaves of the log do not come to the root that the {what} states"
            )
    if stated.entries < seen.entries:
        raise TreeBehindError(
            f"{folder.path}: the checkpoint says {stated.entries} leaves and the head {seen.entries}:"
            " it is an older copy, or a process died while it published, and the leader goes on from there"
        )
    return stated


def _roots(log: LogStore, comparison: _Comparison, end: int, wanted: set[int]) -> dict[int, bytes]:
    """Compare every file, and give the roots at some sizes."""
    edge, tree = Edge(), Frontier()
    roots = {0: tree.root}
    for rows in committed(log, 0, end, page=_PAGE):  # 1
        leaves = [leaf for _, _, leaf, _, _ in rows]
        for size in sorted(size for size in wanted if tree.size < size <= tree.size + len(leaves)):
            roots[size] = tree.extend(leaves[: size - tree.size]).root
        for name, data in edge.grow(leaves):  # 2
            comparison.see(name, data)
        tree = tree.extend(leaves)
    comparison.finish(end, edge.partial_files)
    return roots


@dataclass(slots=True)
class _Comparison:
    folder: TreeFolder
    required: int
    _left: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.folder.names():
            self._left.setdefault(name.partition(".p/")[0], []).append(name)

    def see(self, name: str, data: bytes) -> None:
        self._compare(name, data, must=self._is_required(name))

    def finish(self, end: int, edge: Sequence[File]) -> None:
        for name, data in edge:  # as far as it comes: files of fewer leaves are its beginning
            self._compare(name.partition(".p/")[0], data, must=False)
        try:
            Edge.read(self.required, self.folder.read)
        except LogFormatError as error:
            raise TreeBehindError(f"{self.folder.path}: {error}") from error
        if self._left:
            name = min(self._left.values())[0]
            raise TreeForkedError(f"{self.folder.path / name} belongs to no tree over {end} leaves")
        for number in range(self.required // places.BLOCK):
            name, data = places.make(self.folder, number)
            if self.folder.holds(name) and self.folder.read(name) != data:
                raise TreeForkedError(f"{self.folder.path / name} is not what the tiles make it")

    def _is_required(self, base: str) -> bool:
        """Say whether a full file is part of the published tree."""
        kind, *digits = base.removeprefix("tile/").split("/")
        number = int("".join(digits).replace("x", ""))
        level = 0 if kind == "entries" else int(kind)
        return (number + 1) << (8 * (level + 1)) <= self.required

    def _compare(self, base: str, data: bytes, *, must: bool) -> None:
        names = self._left.pop(base, [])
        if must and base not in names:
            raise TreeBehindError(f"{self.folder.path / base} is missing")
        for name in names:
            _, partial, width = name.partition(".p/")
            expected = data if not partial else _beginning(base, data, width)
            if self.folder.read(name) != expected:
                raise TreeForkedError(f"{self.folder.path / name} is not what the log's leaves make it")


def _beginning(base: str, data: bytes, width: str) -> bytes:
    if not width.isascii() or not width.isdigit() or str(int(width)) != width or not 0 < int(width) < 256:  # noqa: PLR2004 - as wide as a tile
        return b""
    if base.startswith("tile/entries/"):
        return first_leaves(data, int(width))
    return data[: int(width) * _HASH] if int(width) * _HASH <= len(data) else b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was built, and where the old folder lies now; None where there was none."""

    extent: Extent
    aside: Path | None


def rebuild_tree(
    head: Head, *, folder: TreeFolder, signer: CheckpointSigner, log: LogStore, now: float | None = None
) -> Rebuilt:
    """Build the published tree from the log's leaves, compare its root, and put it in the folder's place.

    1 build beside the folder what head and checkpoint say was published  2 compare the roots  3 sign  4 change places

    Args:
        head: what was published.
        folder: of the tree.
        signer: of the log.
        log: of the leaves.
        now: seconds of the Unix epoch, for the name of what is laid aside.

    Raises:
        TreeForkedError: the leaves do not come to the root that was published.
        LeafMismatchError: an entry was changed.
        LogUnavailableError: log or folder cannot be used.
    """
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    fresh = TreeFolder(folder.path.with_name(f"{folder.path.name}.building-{stamp}"))
    extent = _published(head, folder, signer)
    edge = Edge()
    for rows in committed(log, 0, extent.entries, page=_PAGE):  # 1
        fresh.write(edge.grow([leaf for _, _, leaf, _, _ in rows]))
    fresh.write(edge.partial_files)
    if edge.root != extent.root:  # 2
        raise TreeForkedError(
            f"the first {extent.entries} leaves of the log do not come to the root that was published:"
            f" it is another log; {fresh.path} shows what it comes to"
        )
    for number in places.missing(fresh, 0, extent.entries):
        fresh.write([places.make(fresh, number)])
    if extent.entries:
        text = signer.text(*extent)  # 3
        fresh.publish(note.join(text, signer.sign(text)), may_replace=lambda _before: True)
    aside = folder.path.with_name(f"{folder.path.name}.aside-{stamp}") if folder.path.exists() else None
    folder.replace_by(fresh, aside)  # 4
    return Rebuilt(extent=extent, aside=aside)


def _published(head: Head, folder: TreeFolder, signer: CheckpointSigner) -> Extent:
    """Say what was published: what the head has seen, or more where this log's own checkpoint says so.

    After two officers have accepted a loss the head has seen nothing, and the old checkpoint counts no more.
    """
    seen = head.published
    if seen is None:
        return resume.EMPTY
    try:
        stated = resume.published(folder, signer)
    except TreeError:
        return seen
    return max(seen, stated)
