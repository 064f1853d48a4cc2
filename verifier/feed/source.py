"""Where the registry's signed changes come from, by an address: a table (an outbox) behind a SQLAlchemy URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.feed.errors import FeedSourceError
from verifier.feed.outbox import Outbox

if TYPE_CHECKING:
    from verifier.feed.block import BlockSource


def open_source(where: str, *, table: str = "", create: bool = False) -> BlockSource:
    """Open a table or a stream by its address.

    Args:
        where: `postgresql://USER@HOST/DATABASE#TABLE`, `sqlite:///FILE#TABLE`.
        table: of a database, in the place of #TABLE.
        create: make the table or stream where there is none, when a block is published.

    Raises:
        FeedSourceError: it is no such address.
    """
    url, _, fragment = where.partition("#")
    if not (table or fragment):
        raise FeedSourceError("name the table: --table NAME, or #NAME at the end of the URL")
    return Outbox.open(url, table or fragment, create=create)
