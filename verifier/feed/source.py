"""Where the registry's signed changes come from, by an address: a table behind a URL, or a NATS JetStream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.feed import address
from verifier.feed.errors import FeedSourceError
from verifier.feed.outbox import Outbox

if TYPE_CHECKING:
    from verifier.feed.block import BlockSource


def open_source(where: str, *, table: str = "", create: bool = False) -> BlockSource:
    """Open a table or a stream by its address.

    Args:
        where: `postgresql://USER@HOST/DATABASE#TABLE`, `sqlite:///FILE#TABLE`, or as verifier/feed/address.py says.
        table: of a database, in the place of #TABLE.
        create: make the table or stream where there is none, when a block is published.

    Raises:
        FeedSourceError: it is no such address, or the client of streams is not installed.
    """
    if where.partition("://")[0] in address.SCHEMES:
        from verifier.feed.stream import Stream  # noqa: PLC0415 - its client need not be installed

        return Stream.open(where, create=create)
    url, _, fragment = where.partition("#")
    if not (table or fragment):
        raise FeedSourceError("name the table: --table NAME, or #NAME at the end of the URL")
    return Outbox.open(url, table or fragment, create=create)
