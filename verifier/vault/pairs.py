"""Numbers by their tokens in both epochs of an inner rotation, with the rows that one of them has yet to take.

A feed has the number in its hands, and so both tokens and the other epoch's row, sealed for it. They are written in the
transaction that makes the change visible, and the row goes in the one that makes it visible in the other epoch, unless
a newer one has come; the tokens stay until the rotation is over, so that what stands under a record id finds its new
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, text, update

from verifier.schema_rotation import rotation_behind as behind_table
from verifier.schema_rotation import rotation_pair as table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

_AT_ONCE: Final = 500
_PUT: Final = text(
    "INSERT INTO rotation_pair (target, source, revision, box) VALUES (:target, :source, :revision, :box)"
    " ON CONFLICT (target) DO UPDATE SET revision = excluded.revision, box = excluded.box"
    " WHERE rotation_pair.revision < excluded.revision"
)


class Pair(NamedTuple):
    """A number that was changed.

    Attributes:
        token: its stored token in the epoch that answers.
        other: that in the other one.
        revision: the position of the change.
        box: the other epoch's row.
    """

    token: bytes
    other: bytes
    revision: int
    box: bytes


class Beside(NamedTuple):
    """Changes as the other epoch of an inner rotation is to take them.

    Attributes:
        epoch: number of the other epoch; 0 where whoever changes rows does so in every epoch by itself.
        pairs: the rows.
        untaken: changes that it cannot take.
    """

    epoch: int = 0
    pairs: Sequence[Pair] = ()
    untaken: int = 0


class Behind(NamedTuple):
    """What the new epoch lacks of a source.

    Attributes:
        position: the source's changes up to here are in it.
        until: those up to here were in the old epoch when the rotation began; later ones go to both.
    """

    position: int
    until: int


def put(connection: Connection, pairs: Sequence[Pair], *, from_source: bool) -> None:
    """Write pairs down; one that is there with a newer row stays.

    Args:
        connection: in the transaction that makes the changes visible.
        pairs: of distinct numbers.
        from_source: the old epoch answers.
    """
    if pairs:
        connection.execute(
            _PUT,
            [
                {
                    "source": pair.token if from_source else pair.other,
                    "target": pair.other if from_source else pair.token,
                    "revision": pair.revision,
                    "box": pair.box,
                }
                for pair in pairs
            ],
        )


def waiting(connection: Connection, limit: int, *, from_source: bool) -> list[Pair]:
    """Read pairs whose row the other epoch has yet to take."""
    query = select(table).where(table.c.box.is_not(None)).order_by(table.c.target).limit(limit)
    return [
        Pair(
            token=bytes(row.source if from_source else row.target),
            other=bytes(row.target if from_source else row.source),
            revision=row.revision,
            box=bytes(row.box),
        )
        for row in connection.execute(query)
    ]


def boxes(connection: Connection, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
    """Read the rows under some tokens of the new epoch that it has yet to take."""
    found: dict[bytes, bytes] = {}
    for start in range(0, len(tokens), _AT_ONCE):
        wanted = table.c.target.in_(tokens[start : start + _AT_ONCE])
        query = select(table.c.target, table.c.box).where(wanted, table.c.box.is_not(None))
        found.update((bytes(token), bytes(box)) for token, box in connection.execute(query))
    return found


def are_waiting(connection: Connection) -> bool:
    """Say whether the other epoch has yet to take any row."""
    # In the index's order, so that no planner believes that a first one is soon met in the table itself.
    query = select(table.c.target).where(table.c.box.is_not(None)).order_by(table.c.target).limit(1)
    return connection.execute(query).first() is not None


def taken(connection: Connection, pairs: Sequence[Pair], *, from_source: bool) -> None:
    """Let rows go that the transaction brings into the other epoch, unless a newer one has come."""
    statement = update(table).where(
        table.c.target == bindparam("number"), table.c.revision == bindparam("position")
    )
    connection.execute(
        statement.values(box=None),
        [{"number": pair.other if from_source else pair.token, "position": pair.revision} for pair in pairs],
    )


def of_source(connection: Connection, tokens: Sequence[bytes]) -> set[bytes]:
    """Say which of some tokens of the old epoch are those of a number that was named."""
    found: set[bytes] = set()
    for start in range(0, len(tokens), _AT_ONCE):
        query = select(table.c.source).where(table.c.source.in_(tokens[start : start + _AT_ONCE]))
        found.update(bytes(token) for (token,) in connection.execute(query))
    return found


def drawn(connection: Connection, first: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Read numbers by both tokens, old and new, from a new one on."""
    query = select(table.c.source, table.c.target).where(table.c.target >= first)
    rows = connection.execute(query.order_by(table.c.target).limit(limit))
    return [(bytes(source), bytes(target)) for source, target in rows]


def set_behind(connection: Connection, behind: Mapping[str, Behind]) -> None:
    """Write down what the new epoch lacks of some sources."""
    connection.execute(delete(behind_table))
    if behind:
        connection.execute(
            insert(behind_table), [{"source": source, **lack._asdict()} for source, lack in behind.items()]
        )


def behind(connection: Connection) -> dict[str, Behind]:
    """Read what the new epoch holds and lacks, by source."""
    columns = behind_table.c
    rows = connection.execute(
        select(columns.source, columns.position, columns.until).order_by(columns.source)
    )
    return {source: Behind(position, until) for source, position, until in rows}


def replayed(connection: Connection, source: str, position: int) -> None:
    """Write down how far a source was replayed."""
    connection.execute(update(behind_table).where(behind_table.c.source == source).values(position=position))


def forget_behind(connection: Connection) -> None:
    """Remove what the new epoch lacks of sources: there is no other epoch any more."""
    connection.execute(delete(behind_table))
