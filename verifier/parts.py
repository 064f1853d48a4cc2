"""A large table gone through in parts by its key, since one statement over all of it would outlast the limit of time.

PostgreSQL ends a statement of the service after STATEMENT_MS; on SQLite whoever writes the vault's catalogue waits for
whoever reads it. What others add and delete meanwhile may or may not be met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

ROWS: Final = 2_000
"""Rows of a part: far from the limit where each lies on another page of a disk that is not in memory."""


def parts(
    reading: Callable[[], AbstractContextManager[Connection]],
    key: ColumnElement[bytes],
    *where: ColumnElement[bool],
    rows: int = ROWS,
) -> Iterator[ColumnElement[bool]]:
    """Give the condition of each part, by ascending key; none where there is no row.

    Args:
        reading: opens a transaction that reads.
        key: a column that is unique where the rows are chosen, indexed with what chooses them, and never empty.
        where: chooses the rows.
        rows: of a part, at most.
    """
    after = b""
    while True:
        rest = select(key).where(*where, key > after)
        with reading() as connection:
            edge = connection.execute(rest.order_by(key).offset(rows - 1).limit(1)).scalar()
            if edge is None:
                # The last part ends at the last key: for a range with two ends any planner uses the index.
                edge = connection.execute(rest.order_by(key.desc()).limit(1)).scalar()
        if edge is None:
            return
        yield and_(*where, key > after, key <= edge)
        after = bytes(edge)


def count(
    reading: Callable[[], AbstractContextManager[Connection]],
    key: ColumnElement[bytes],
    *where: ColumnElement[bool],
) -> int:
    """Count rows part by part; arguments as `parts`."""
    found = 0
    for part in parts(reading, key, *where):
        with reading() as connection:
            found += connection.execute(select(func.count(key)).where(part)).scalar_one()
    return found
