"""A run: blocks of a source that are applied together, and logged as one. Pure.

 1 read a block; one that cannot be used stops the run before it
 2 pass over what the vault has already
 3 see that it goes on where the source was followed to, in position and in time
 4 join it to the run, until there is enough

So a stream of many small blocks costs two entries a run and not two a block, and the first entry can say by their
digest what is about to be applied, whole blocks and nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from verifier.feed import document
from verifier.feed.block import MAX_BLOCK, RUN_BLOCKS
from verifier.feed.errors import FeedError, FeedFormatError, FeedGapError, FeedTimeError
from verifier.vault.epoch import Followed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from keys.realm import Realm
    from verifier.feed.block import Block
    from verifier.feed.document import Feed

RUN_CHANGES: Final = 2_000
"""Changes after which a run takes no further block: as many as become visible together."""
AHEAD_MS: Final = 300_000
"""How far the registry's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was found.

    Attributes:
        feed: the joined blocks; None where everything was known.
        taken: blocks of the source that it stands for, those that were known included.
        blocks: blocks that were joined.
    """

    feed: Feed | None
    taken: int
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatherer:
    """Reads blocks into runs.

    Attributes:
        realm: this registry and environment.
        signers: the keys that are trusted: key ids to public keys.
        now_ms: our clock, milliseconds of the Unix epoch.
        begin: what was loaded holds everything before the first block.
    """

    realm: Realm
    signers: Mapping[str, bytes]
    now_ms: int
    begin: bool

    def gather(self, blocks: Iterable[Block], followed: Callable[[str], Followed]) -> Run:
        """Read blocks, in order, into a run.

        Raises:
            FeedError: the first that is not known already cannot be used; names it.
        """
        joined: list[Feed] = []
        taken = size = 0
        there = Followed()
        for block in blocks:
            try:
                feed = self._read(block)  # 1
                if not joined:
                    there = followed(feed.source)
                elif (feed.source, feed.signer) != (joined[0].source, joined[0].signer):
                    break
                if feed.end <= there.position and feed.as_of_ms <= there.as_of_ms:  # 2
                    taken, size = taken + 1, size + len(block.data)
                    if taken >= RUN_BLOCKS or size >= MAX_BLOCK:
                        break
                    continue
                require_next(feed, there, now_ms=self.now_ms, begin=self.begin)  # 3
            except FeedError as error:
                if joined:
                    break
                raise type(error)(f"{block.place}: {error}") from error
            joined.append(feed)  # 4
            taken, size = taken + 1, size + len(block.data)
            there = Followed(max(feed.end, there.position), feed.as_of_ms)
            changes = sum(len(each.changes) for each in joined)
            if taken >= RUN_BLOCKS or size >= MAX_BLOCK or changes >= RUN_CHANGES:
                break
        return Run(feed=join(joined) if joined else None, taken=taken, blocks=len(joined))

    def _read(self, block: Block) -> Feed:
        if len(block.data) > MAX_BLOCK:
            raise FeedFormatError(f"a block has at most {MAX_BLOCK // 1024 // 1024} MiB")
        feed = document.parse(self.realm, block.data, self.signers)
        if block.said not in {None, (feed.source, feed.end, document.time_text(feed.as_of_ms))}:
            raise FeedFormatError("what stands beside the block is not what it says")
        return feed


def require_next(feed: Feed, followed: Followed, *, now_ms: int, begin: bool) -> None:
    """See that a block goes on where the source was followed to.

    Args:
        feed: the block, signature checked.
        followed: how far the source was followed.
        now_ms: our clock, milliseconds of the Unix epoch.
        begin: what was loaded holds everything before the block, if nothing was followed yet.

    Raises:
        FeedGapError: changes before its first are missing.
        FeedTimeError: it has new changes of an older state, or of one that is yet to come.
    """
    if feed.after > followed.position and not (begin and not followed.position):
        raise FeedGapError.between(feed.source, followed.position, feed.after)
    if feed.as_of_ms > now_ms + AHEAD_MS:
        raise FeedTimeError("as_of is yet to come: one of the two clocks is wrong")
    if feed.end > followed.position and feed.as_of_ms < followed.as_of_ms:
        raise FeedTimeError(f"new changes, but as_of goes back: {feed.source} was followed to a later time")


def held(followed: Followed, position: int) -> Followed:
    """Say where to go on with a source: where it was followed to, or of one that was not, what a load holds of it."""
    return followed if followed.position else followed._replace(position=position)


def join(feeds: Sequence[Feed]) -> Feed:
    """Make one of blocks that follow each other; a block that is alone stays what it is.

    The digest of several is SHA-256 of theirs. What a later block brings again is left out.
    """
    first, last = feeds[0], feeds[-1]
    if len(feeds) == 1:
        return first
    position, changes = first.after, []
    for feed in feeds:
        changes += [change for change in feed.changes if change.position > position]
        position = max(position, feed.end)
    digest = hashlib.sha256(b"".join(feed.digest for feed in feeds)).digest()
    return replace(first, end=position, as_of_ms=last.as_of_ms, changes=tuple(changes), digest=digest)
