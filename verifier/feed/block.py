"""A block: one feed document in a table or a stream, and what every source of blocks can do.

A block is the same bytes that a file would have (docs/formats/feed.md), so there is one format, one parser and one
signature; what a table or a stream says beside it only helps to find it. How far a source was followed is the vault's
to say, never the table's or the stream's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from verifier.feed.document import Feed
    from verifier.vault.epoch import Followed

MAX_BLOCK: Final = 16 * 1024 * 1024
"""Bytes of a block in a table or a stream; what is larger is cut into several."""
RUN_BLOCKS: Final = 256
"""Blocks that are taken together at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A feed document in a table or a stream.

    Attributes:
        place: which one it is, for a person.
        data: the document.
        said: source, position of the last change and as_of that stand beside it; None where nothing does.
    """

    place: str
    data: bytes
    said: tuple[str, int, str] | None = None

    def __repr__(self) -> str:
        return f"Block({self.place!r}, <redacted>)"


class BlockSource(Protocol):
    """Something that has blocks. Connects when it is first asked, and again after `close`."""

    @property
    def name(self) -> str:
        """Where the blocks are, without any password."""
        ...

    @property
    def has_one_reader(self) -> bool:
        """Whether a vault reads it in one place at a time: two at once would take each other's blocks away."""
        ...

    def blocks(self, followed: Callable[[str], Followed]) -> Generator[Block, None, None]:
        """Read what may be new, in order; ends where nothing more is there now.

        Args:
            followed: says of a source's name how far it was followed.

        Raises:
            FeedSourceError: what is there is no source of changes.
            FeedSourceUnavailableError: it is away.
        """
        ...

    def settle(self, count: int) -> None:
        """Let go of the first so many blocks of the last reading: what is in them is in the vault.

        Raises:
            FeedSourceUnavailableError: it is away; the blocks come again, which is harmless.
        """
        ...

    def rewind(self) -> bool:
        """Go back to the oldest block there is; False where readings begin at the vault's position anyway."""
        ...

    def publish(self, feed: Feed, data: bytes) -> bool:
        """Add a block; False where it is there already.

        Args:
            feed: the block as it was read, signature checked.
            data: the block.

        Raises:
            FeedGapError: blocks between the last one there and this one are missing.
            FeedSourceError: it cannot be taken here.
            FeedSourceUnavailableError: the source is away.
        """
        ...

    def close(self) -> None:
        """Disconnect."""
        ...
