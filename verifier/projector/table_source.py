"""People in a table behind a SQLAlchemy URL, read through a cursor of the server.

Rows come in the order of their NIK and then of the other columns, so that a second reading gives the same chunks; an
index on the NIK saves the database a sort. The table and its columns are read from the database's catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from padan.table.arrow import text_column
from verifier.projector import arrow
from verifier.projector.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verifier.projector.chunk import Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSource:
    """A table whose columns are known."""

    engine: sa.Engine
    table: sa.Table
    size: int
    """Rows of the table when it was opened."""
    delimiter: str = ""

    @property
    def name(self) -> str:
        """The URL without its password and parameters, and the table."""
        url = self.engine.url.set(query={}).render_as_string(hide_password=True)
        return f"{url}#{self.table.fullname}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the table's columns."""
        return tuple(column.name for column in self.table.columns)

    @classmethod
    def open(cls, url: str, table: str) -> TableSource:
        """Connect and read the table's columns.

        Args:
            url: a SQLAlchemy URL; `postgresql://` means psycopg 3.
            table: its name, with a schema before a dot where needed.

        Raises:
            SourceError: no table is named, no connection, or no such table.
        """
        if not table:
            raise SourceError("name the table: --table NAME, or #NAME at the end of the URL")
        schema, _, name = table.rpartition(".")
        try:
            engine = sa.create_engine(with_driver(url), poolclass=sa.NullPool)
            found = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=engine)
            with engine.connect() as connection:
                size = connection.scalar(sa.select(sa.func.count()).select_from(found)) or 0
        except exc.NoSuchTableError as error:
            raise SourceError(f"the database has no table {table}") from error
        except (exc.SQLAlchemyError, ImportError) as error:
            raise SourceError(f"the database cannot be read ({type(error).__name__})") from error
        return cls(engine=engine, table=found, size=size)

    def chunks(self, picks: Sequence[int], rows: int) -> Iterator[Chunk]:
        """Read the wanted columns in chunks.

        Raises:
            SourceError: the database can no longer be read.
        """
        columns = list(self.table.columns)
        wanted = [columns[pick] for pick in picks]
        query = sa.select(*wanted).order_by(*wanted).execution_options(stream_results=True, yield_per=rows)
        try:
            with self.engine.connect() as connection:
                parts = connection.execute(query).partitions()
                yield from arrow.chunks(_columns(part) for part in parts)
        except exc.SQLAlchemyError as error:
            raise SourceError(f"the table cannot be read on ({type(error).__name__})") from error


def with_driver(url: str) -> str:
    """Name the driver of a PostgreSQL URL: psycopg 3."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in {"postgresql", "postgres"} else url


def _columns(rows: Sequence[sa.Row[Any]]) -> list[pa.Array]:
    return [text_column(_column(values)) for values in zip(*rows, strict=True)]


def _column(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])
