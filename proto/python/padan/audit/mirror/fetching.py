"""Copies a log's tree and checks it whole before the copy stands for it.

The main path:

1. The source's checkpoint is believed, of the right log, fresh, not behind what was trusted, and of its history. So
   is the copy's own, where the record outside is ahead of it: it must be the beginning of the source's tree too.
2. The tiles of level 1 and up have the signed root.
3. Each bundle of leaves, and the tile over it, is fetched unless it is there, checked against level 1, and written.
4. All of it is on the disk.
5. The checkpoint is renamed into place: from here on the copy stands for it. When it is on the disk, the record
   outside follows, which may lie on another one.

A run that ends before step 5 leaves the copy at the checkpoint before; the next one goes on with what is there.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.audit.mirror import belief, trusted
from padan.audit.mirror.progress import Progress
from padan.audit.mirror.tree import Tree, need
from padan.errors import ForkError, LogError, RollbackError, SourceError
from padan.tlog.merkle import HASH_SIZE
from padan.tlog.tile import BUNDLES, CHECKPOINT_PATH, WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from padan.audit.mirror.place import Copy
    from padan.audit.mirror.source import Source
    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.policy import Believed, Policy

WORKERS: Final = 8
AHEAD: Final = 8
"""Fetches that wait for each worker, so that memory is bounded."""
MAX_AGE: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What a run did.

    Attributes:
        believed: the checkpoint that the copy stands for.
        trusted: leaves that were trusted before.
        before: leaves that the copy stood for before; fewer than `trusted` where an older copy was put back.
        fetched: bundles that came from the source.
        kept: bundles that were there already, checked again.
    """

    believed: Believed
    trusted: int
    before: int
    fetched: int
    kept: int


def mirror(
    source: Source,
    copy: Copy,
    policy: Policy,
    *,
    record: Path,
    now: float,
    max_age: float = MAX_AGE,
    workers: int = WORKERS,
    settle: Callable[[], None] = os.sync,
) -> Mirrored:
    """Bring a copy up to the source's checkpoint.

    Args:
        source: the log, or a copy of it.
        copy: where to; locked by the caller.
        policy: whom to believe.
        record: where what is trusted is kept outside of the copy.
        now: seconds of the Unix epoch.
        max_age: seconds since the last cosignature, where there are any.
        workers: how many fetch at once.
        settle: brings everything that was written to the disk.

    Raises:
        LogError: the source or the copy is not to be believed; the copy stays as it was.
        SourceError: the source is away, or the disk full.
    """
    known, own = last_trusted(copy, policy, record)
    note, new = _news(source, copy, policy, known, own, now=now, max_age=max_age)
    size, before = new.checkpoint.size, own.size if own is not None else 0
    was = known.believed.checkpoint.size if known is not None else 0
    if known is not None and own is not None and before == size:
        copy.stand_for(note)  # there may be more cosignatures
        trusted.write(record, note, known.holding)
        return Mirrored(believed=new, trusted=was, before=size, fetched=0, kept=0)
    fetcher = _Fetcher(source, size)
    tree = Tree(new.checkpoint, fetcher.upper)
    fetched = _bundles(fetcher, copy, tree, first=before // WIDTH, workers=workers)
    for path, data in fetcher.kept.items():
        copy.write(path, data)
    settle()
    copy.stand_for(note)
    trusted.write(record, note, known.holding if known is not None else None)
    copy.tidy(size)
    kept = tree.bundles - before // WIDTH - fetched
    return Mirrored(believed=new, trusted=was, before=before, fetched=fetched, kept=kept)


def last_trusted(
    copy: Copy, policy: Policy, record: Path
) -> tuple[trusted.Trusted | None, Checkpoint | None]:
    """Find what was trusted last, and what the copy stands for.

    The first is the record's checkpoint or the copy's, whichever is larger; None at the first run. A copy that is
    behind its record has been put back, or lost its last checkpoint with the power: only a tree that has both can say
    whether they are of one history.

    Raises:
        LogError: the copy is of another history or log than the record.
    """
    note = copy.checkpoint
    own = (
        None
        if note is None
        else trusted.Trusted(believed=belief.believe(note, policy, of="the copy"), note=note)
    )
    new = own.believed.checkpoint if own is not None else None
    if not record.exists():
        return own, new
    kept = trusted.read(record, policy)
    if own is None or new is None:
        return kept, None
    old = kept.believed.checkpoint
    belief.require_origin(new, old, of="the copy")
    if new.size < old.size:
        return kept, new
    belief.require_grown(old, new, copy.read, None, of="the copy")
    return trusted.Trusted(believed=own.believed, note=own.note, holding=kept.holding), new


def _news(
    source: Source,
    copy: Copy,
    policy: Policy,
    known: trusted.Trusted | None,
    own: Checkpoint | None,
    *,
    now: float,
    max_age: float,
) -> tuple[bytes, Believed]:
    """Fetch the source's checkpoint and hold it against what was trusted, and against the copy's own: step 1."""
    try:
        note = source.read(CHECKPOINT_PATH)
    except FileNotFoundError:
        raise SourceError(
            f"{source} has no file `{CHECKPOINT_PATH}`: it is no log",
            next_step="give the folder or the address under which the log's `checkpoint` and `tile` lie",
        ) from None
    of = str(source)
    new = belief.believe(note, policy, of=of)
    read_new, read_old = _Fetcher(source, new.checkpoint.size).upper, None if own is None else copy.read
    try:
        if known is not None:
            old = known.believed.checkpoint
            belief.require_origin(new.checkpoint, old, of=of)
            belief.require_grown(old, new.checkpoint, read_new, read_old, of=of)
            if own is not None and own.size < old.size:
                belief.require_grown(own, new.checkpoint, read_new, None, of=of)
        belief.require_fresh(new, now=now, max_age=max_age)
    except (ForkError, RollbackError) as error:
        kept = copy.refuse(f"{new.checkpoint.size}-{new.checkpoint.root[:4].hex()}.checkpoint", note)
        error.next_step = f"{error.next_step}; what the source showed is kept in {kept}"
        raise
    return note, new


class _Fetcher:
    """Reads a source's files for a tree of a known size; where a partial file is gone, it cuts the full one."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = size
        self.kept: dict[str, bytes] = {}

    def upper(self, path: str) -> bytes:
        """Read a file once, however often it is asked for: level 1 and up have one for 65,536 leaves."""
        if path not in self.kept:
            self.kept[path] = self.read(path)
        return self.kept[path]

    def read(self, path: str) -> bytes:
        """Read a tile, or a bundle of leaves."""
        try:
            return self._source.read(path)
        except FileNotFoundError:
            full, partial, width = path.partition(".p/")
            if not partial:
                raise
            whole = self._source.read(full)
            return _first(whole, int(width)) if path.startswith(BUNDLES) else whole[: int(width) * HASH_SIZE]


def _first(bundle: bytes, count: int) -> bytes:
    """Cut a bundle after so many leaves."""
    end = 0
    for _ in range(count):
        end += 2 + int.from_bytes(bundle[end : end + 2], "big")
    return bundle[:end]


def _bundles(fetcher: _Fetcher, copy: Copy, tree: Tree, *, first: int, workers: int) -> int:
    """Fetch, check and write every bundle from `first` on and the tile over it: step 3; say how many were fetched."""
    progress = Progress("leaves", tree.checkpoint.size - first * WIDTH)
    fetched = 0
    waiting: deque[Future[bool]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="padan-mirror") as pool:
        try:
            for number in range(first, tree.bundles):
                waiting.append(pool.submit(_bundle, fetcher, copy, tree, number))
                if len(waiting) >= workers * AHEAD:
                    fetched += waiting.popleft().result()
                    progress.add(WIDTH)
            while waiting:
                fetched += waiting.popleft().result()
                progress.add(WIDTH)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return fetched


def _bundle(fetcher: _Fetcher, copy: Copy, tree: Tree, number: int) -> bool:
    """Bring one bundle and the tile over it into the copy; False where they were there and are good."""
    tile = tree.tile(number)
    try:
        tree.check_bundle(number, copy.read(tile.bundle_path), copy.read(tile.path))
    except (FileNotFoundError, LogError):
        pass  # not there, or not whole: fetch it
    else:
        return False
    bundle, hashes = need(fetcher.read, tile.bundle_path), need(fetcher.read, tile.path)
    tree.check_bundle(number, bundle, hashes)
    copy.write(tile.bundle_path, bundle)
    copy.write(tile.path, hashes)
    return True
