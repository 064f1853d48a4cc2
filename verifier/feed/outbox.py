"""Signed blocks in a table behind a SQLAlchemy URL: the registry's outbox.

    source        text    whose changes, as in the block
    end_position  bigint  position of the block's last change
    as_of         text    the registry's state after it, as in the block
    block         text    the feed document, every byte of it
    primary key (source, end_position, as_of)

The first three say nothing of their own: they let a reader find what follows the vault's position, and each is compared
with the signed block. Rows are read, never changed: the registry removes them when it likes.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from verifier.database import sqlite_uri
from verifier.failure import ADVICE, Failure, classify
from verifier.feed.block import MAX_BLOCK, RUN_BLOCKS, Block
from verifier.feed.document import time_text
from verifier.feed.errors import FeedGapError, FeedSourceError, FeedSourceUnavailableError
from verifier.projector.table_source import with_driver

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from verifier.feed.document import Feed
    from verifier.vault.epoch import Followed

_BUSY_SECONDS = 5.0
_AHEAD = 8
"""Rows that are fetched together: a block may have megabytes."""


def feed_table(name: str, schema: str | None = None) -> sa.Table:
    """Describe a table of blocks."""
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("end_position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("as_of", sa.Text, primary_key=True),
        sa.Column("block", sa.Text, nullable=False),
        schema=schema,
    )


@dataclass(slots=True, kw_only=True)
class Outbox:
    """A table of blocks."""

    engine: sa.Engine
    table: sa.Table
    create: bool
    _checked: bool = False
    _served: str = ""
    """The source that the last reading began with: the next one begins after it, so that each has its turn."""

    @property
    def name(self) -> str:
        """The URL without its password and parameters, and the table."""
        url = self.engine.url.set(query={}).render_as_string(hide_password=True)
        return f"{url}#{self.table.fullname}"

    @property
    def has_one_reader(self) -> bool:
        """No: who reads a table takes nothing out of it."""
        return False

    @classmethod
    def open(cls, url: str, table: str, *, create: bool = False) -> Outbox:
        """Prepare access.

        Args:
            url: a SQLAlchemy URL; `postgresql://` means psycopg 3.
            table: its name, with a schema before a dot where needed.
            create: make the table where there is none, when a block is published.

        Raises:
            FeedSourceError: the URL cannot be used.
        """
        schema, _, name = table.rpartition(".")
        try:
            engine = _engine(sa.make_url(with_driver(url)), create=create)
        except (exc.SQLAlchemyError, ImportError) as error:
            raise FeedSourceError(f"the database cannot be used ({type(error).__name__})") from error
        return cls(engine=engine, table=feed_table(name, schema or None), create=create)

    def blocks(self, followed: Callable[[str], Followed]) -> Generator[Block, None, None]:
        """Read what may be new: source by source, in the order of positions."""
        with self._connected() as connection:
            first = True
            for source in self._sources(connection):
                position, as_of_ms = followed(source)
                columns, as_of = self.table.c, time_text(as_of_ms)
                beyond = sa.or_(
                    columns.end_position > position,
                    # A block without changes says only that nothing has happened since.
                    sa.and_(columns.end_position == position, columns.as_of > as_of),
                )
                query = (
                    sa.select(columns.end_position, columns.as_of, columns.block)
                    .where(columns.source == source, beyond)
                    .order_by(columns.end_position, columns.as_of)
                    .limit(RUN_BLOCKS)
                    .execution_options(stream_results=True, yield_per=_AHEAD)
                )
                with connection.execute(query) as rows:
                    for end, day, text in rows:
                        place = f"{self.table.fullname}, block of {source} to position {end}"
                        if first:
                            self._served, first = source, False
                        yield Block(place=place, data=_bytes(text), said=(source, end, day))

    def settle(self, count: int) -> None:
        """Leave the rows to the registry."""

    def rewind(self) -> bool:
        """Say that a reading begins at the vault's position."""
        return False

    def publish(self, feed: Feed, data: bytes) -> bool:
        """Add a block in a transaction; False where it is there already."""
        if len(data) > MAX_BLOCK:
            raise FeedSourceError(f"a block has at most {MAX_BLOCK // 1024 // 1024} MiB; sign it as several")
        columns = self.table.c
        row = {"source": feed.source, "end_position": feed.end, "as_of": time_text(feed.as_of_ms)}
        with self._connected(writing=True) as connection:
            last = connection.scalar(
                sa.select(sa.func.max(columns.end_position)).where(columns.source == feed.source)
            )
            if last is not None and feed.after > last:
                raise FeedGapError.between(feed.source, last, feed.after)
            same = sa.select(columns.block).where(*(columns[name] == value for name, value in row.items()))
            there = connection.scalar(same)
            if there is not None and _bytes(there) != data:
                raise FeedSourceError("another block to the same position is there already")
            if there is None:
                connection.execute(self.table.insert().values(**row, block=data.decode()))
            return there is None

    def close(self) -> None:
        """Disconnect."""
        self.engine.dispose()
        self._checked = False

    def _sources(self, connection: sa.Connection) -> Iterator[str]:
        """List the sources by a search each, which costs the same however many rows there are."""
        name, served = self.table.c.source, self._served
        for low, among in ((served, sa.true()), ("", name <= served)):
            last = low
            while last is not None:
                query = sa.select(sa.func.min(name)).where(name > last, among)
                if (last := connection.scalar(query)) is not None:
                    yield last

    @contextmanager
    def _connected(self, *, writing: bool = False) -> Iterator[sa.Connection]:
        try:
            with self.engine.begin() as connection:
                if not self._checked:
                    self._check(connection, writing=writing)
                yield connection
        except exc.NoSuchTableError as error:
            raise FeedSourceError(
                f"the database has no table {self.table.fullname}; feed publish --create makes it"
            ) from error
        except exc.SQLAlchemyError as error:
            failure = classify(error)
            if failure is Failure.CANNOT_OPEN:
                raise FeedSourceError(
                    "the database cannot be opened: check its name and its owner"
                ) from error
            raise FeedSourceUnavailableError(f"{self.table.fullname}: {ADVICE[failure]}") from error

    def _check(self, connection: sa.Connection, *, writing: bool) -> None:
        """See that the table is one of blocks."""
        if writing and self.create:
            self.table.create(connection, checkfirst=True)
        found = sa.inspect(connection).get_columns(self.table.name, schema=self.table.schema)
        missing = sorted({column.name for column in self.table.c} - {column["name"] for column in found})
        if missing:
            raise FeedSourceError(
                f"the table {self.table.fullname} lacks {', '.join(missing)}; docs/formats/feed.md has its columns"
            )
        self._checked = True


def _engine(url: sa.URL, *, create: bool) -> sa.Engine:
    """Make an engine that makes no file of SQLite where none is asked for."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return sa.create_engine(url, pool_size=1, pool_pre_ping=True)
    uri = sqlite_uri(Path(url.database), "mode=rwc" if create else "mode=rw")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)

    return sa.create_engine(url, creator=connect, poolclass=sa.NullPool)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
