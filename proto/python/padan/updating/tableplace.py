"""Tokens in a column of a database's table, and beside it a table of old and new ones. Assumes the extra `tokens`.

A batch is one transaction: each row gets its new token where it still has the old one, and the pair goes into the table
`padan_moves_...`, so that both are there or neither. Whatever else writes to the table may go on meanwhile. Rows are
found by the primary key, or by columns that are named instead. Works on any engine that SQLAlchemy reaches; tested on
SQLite and PostgreSQL. The table's columns: docs/formats/updating.md.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from sqlalchemy import CHAR, Column, MetaData, Table, and_, bindparam, func, or_, select
from sqlalchemy import column as named
from sqlalchemy import table as named_table
from sqlalchemy.exc import IntegrityError, OperationalError

from padan.table.errors import TableError
from padan.updating.database import find, guard
from padan.updating.held import Held, version_of, written
from padan.updating.place import Kept, Undone

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

    from padan.updating.database import Found
    from padan.updating.held import Move

_PAGE: Final = 5_000
_BATCH: Final = 500
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.2  # seconds; grows with each attempt
_NAME_MOST: Final = 60  # characters; PostgreSQL takes 63 bytes
_OLD, _NEW = "old_token", "new_token"
_Done = TypeVar("_Done")


class TablePlace:
    """A column of a table.

    Args:
        found: the table.
    """

    def __init__(self, found: Found) -> None:
        self._found = found
        kinds = {**dict(found.keys), found.column: found.kind}
        self._table = named_table(
            found.table, *(named(name, kind) for name, kind in kinds.items()), schema=found.schema
        )
        self._token = self._table.c[found.column]
        self._order = [self._table.c[name] for name, _ in found.keys]
        # A key that the token is part of changes with it; the token stands in every condition anyway.
        self._others = [name for name, _ in found.keys if name != found.column]
        mine = [self._table.c[name] == bindparam(f"padan_{place}") for place, name in enumerate(self._others)]
        self._one = (
            self._table.update()
            .where(*mine, self._token == bindparam("padan_has"))
            .values({found.column: bindparam("padan_gets")})
        )
        self._moves = _moves_table(found, self._others)
        self._there: bool | None = None

    @classmethod
    def open(cls, url: str, table: str, column: str, keys: Sequence[str] = ()) -> Self:
        """Open a table.

        Args:
            url: of the database.
            table: its name.
            column: of the tokens.
            keys: columns that find a row; default the primary key.

        Raises:
            TableError: there is none, or nothing finds a row again.
            DatabaseAwayError: the database does not answer.
        """
        place = cls(find(url, table, column, keys))
        try:
            if keys:
                place._require_unique()
        except BaseException:
            place.close()
            raise
        return place

    @property
    def undo_in(self) -> str:
        """The table of old and new tokens."""
        return self._moves.fullname

    def rows(self) -> Iterator[Held]:
        """Read the rows in the order of their keys, a page in a transaction."""
        number, last = 0, None
        while True:
            query = select(*self._order, self._token).order_by(*self._order).limit(_PAGE)
            if last is not None:
                query = query.where(_after(self._order, last))
            with guard(self._found.table), self._found.engine.connect() as connection:
                page = connection.execute(query).all()
            for row in page:
                number += 1
                last = tuple(row[: len(self._order)])
                yield self._held(number, last, row[-1])
            if len(page) < _PAGE:
                return

    def keep(self, moves: Sequence[Move]) -> Kept:
        """Give rows their new tokens, in one transaction.

        Raises:
            TableError: the database refuses it.
            DatabaseAwayError: it does not answer, or is locked; the batch is not there at all, or whole.
        """
        if not moves:
            return Kept(moved=0)
        with guard(self._found.table):
            self._make()
            try:
                return self._attempted(lambda connection, again: self._write(connection, moves, again=again))
            except IntegrityError:
                return self._one_by_one(moves)

    def settle(self) -> None:
        """Do nothing: what is kept stands in its place."""

    def moved(self) -> Counter[int]:
        """Count the pairs by the old token's version."""
        counts = Counter[int]()
        if self._is_there():
            query = select(self._moves.c[_OLD]).execution_options(yield_per=_PAGE)
            with guard(self._found.table), self._found.engine.connect() as connection:
                for (old,) in connection.execute(query):
                    counts[version_of(self._held(0, (), old).token)] += 1
        return counts

    def before(self, held: Held) -> bytes:
        """Give the old token of a row whose token the update wrote; empty for another row."""
        if not self._is_there():
            return b""
        mine = [self._moves.c[f"key_{name}"] == value for name, value in self._key(held).items()]
        query = select(self._moves.c[_OLD]).where(*mine, self._moves.c[_NEW] == held.cell)
        with guard(self._found.table), self._found.engine.connect() as connection:
            old = connection.execute(query).scalar()
        return b"" if old is None else self._held(0, (), old).token

    def undo(self, accepted: Container[int]) -> Undone:
        """Put old tokens back, a batch of pairs in a transaction, and drop the table of pairs.

        Raises:
            TableError: there is nothing to undo, or the database refuses it.
            DatabaseAwayError: it does not answer, or is locked.
        """
        self._require_moves()
        counts = Counter[str]()
        with guard(self._found.table):
            while found := self._attempted(lambda connection, _: self._put_some_back(connection, accepted)):
                counts += found
            self._drop()
        return Undone(put_back=counts["put_back"], outdated=counts["outdated"], elsewhere=counts["elsewhere"])

    def finish(self) -> int:
        """Drop the table of pairs.

        Raises:
            TableError: there is none, or the database refuses it.
        """
        self._require_moves()
        with guard(self._found.table):
            with self._found.engine.connect() as connection:
                count = connection.execute(select(func.count()).select_from(self._moves)).scalar_one()
            self._drop()
        return count

    def close(self) -> None:
        """Close the connections."""
        self._found.engine.dispose()

    def _attempted(self, work: Callable[[Connection, bool], _Done]) -> _Done:
        """Do some work in a transaction; again where it is the victim of a deadlock, or others have locked the file."""
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._found.engine.begin() as connection:
                    return work(connection, attempt > 1)
            except OperationalError:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * attempt)

    def _held(self, number: int, key: tuple[Any, ...], cell: Any) -> Held:
        if isinstance(cell, memoryview):
            cell = cell.tobytes()
        if isinstance(cell, str) and isinstance(self._found.kind, CHAR):
            cell = cell.rstrip(" ")  # the padding of CHAR(n)
        if not isinstance(cell, str | bytes | None):
            return Held.of(number, key, None, fault="it is neither text nor bytes")
        return Held.of(number, key, cell)

    def _key(self, held: Held) -> dict[str, Any]:
        names = [column.name for column in self._order]
        return {name: value for name, value in zip(names, held.key, strict=True) if name in self._others}

    def _write(self, connection: Connection, moves: Sequence[Move], *, again: bool) -> Kept:
        done, elsewhere = [], []
        for move in moves:
            key, old = self._key(move.held), move.held.cell
            new = written(move.token, old)
            if self._exchange(connection, key, old, new):
                done.append({f"key_{name}": value for name, value in key.items()} | {_OLD: old, _NEW: new})
            elif not (again and self.before(_standing(move.held, new))):
                elsewhere.append(move.held)
        if done:
            connection.execute(self._forget(), [_bound(pair) for pair in done])
            connection.execute(self._moves.insert(), done)
        return Kept(moved=len(moves) - len(elsewhere), elsewhere=tuple(elsewhere))

    def _one_by_one(self, moves: Sequence[Move]) -> Kept:
        """Give rows their new tokens, each in a transaction, since one of them clashes with another row's."""
        moved, elsewhere, double = 0, list[Held](), list[Held]()
        for move in moves:
            try:
                with self._found.engine.begin() as connection:
                    kept = self._write(connection, [move], again=False)
            except IntegrityError:
                double.append(move.held)
                continue
            moved += kept.moved
            elsewhere += kept.elsewhere
        return Kept(moved=moved, elsewhere=tuple(elsewhere), double=tuple(double))

    def _exchange(self, connection: Connection, key: dict[str, Any], old: Any, new: Any) -> bool:
        """Give a row another token, if it has the one that is named; says whether it had."""
        values = {f"padan_{place}": value for place, value in enumerate(key.values())}
        return connection.execute(self._one, {**values, "padan_has": old, "padan_gets": new}).rowcount > 0

    def _put_some_back(self, connection: Connection, accepted: Container[int]) -> Counter[str]:
        pairs = connection.execute(select(self._moves).limit(_BATCH)).mappings().all()
        return Counter([self._put_back(connection, dict(pair), accepted) for pair in pairs])

    def _put_back(self, connection: Connection, pair: dict[str, Any], accepted: Container[int]) -> str:
        key = {name: pair[f"key_{name}"] for name in self._others}
        old, new = pair[_OLD], pair[_NEW]
        what = "outdated"
        if version_of(self._held(0, (), old).token) in accepted:
            what = "put_back" if self._exchange(connection, key, new, old) else "elsewhere"
        mine = [self._moves.c[f"key_{name}"] == value for name, value in key.items()]
        connection.execute(self._moves.delete().where(*mine, self._moves.c[_OLD] == old))
        return what

    def _forget(self) -> Any:
        """Delete a row's older pair, so that an undo goes back one step."""
        mine = [self._moves.c[f"key_{name}"] == bindparam(f"padan_key_{name}") for name in self._others]
        if self._found.column in dict(self._found.keys):
            mine.append(
                or_(
                    self._moves.c[_NEW] == bindparam(f"padan_{_OLD}"),
                    self._moves.c[_OLD] == bindparam(f"padan_{_OLD}"),
                )
            )
        return self._moves.delete().where(*mine)

    def _is_there(self) -> bool:
        if self._there is None:
            with guard(self._found.table), self._found.engine.connect() as connection:
                dialect = connection.dialect
                self._there = dialect.has_table(connection, self._moves.name, schema=self._found.schema)
        return self._there

    def _make(self) -> None:
        if not self._is_there():
            self._moves.create(self._found.engine, checkfirst=True)
            self._there = True

    def _drop(self) -> None:
        self._moves.drop(self._found.engine, checkfirst=True)
        self._there = False

    def _require_moves(self) -> None:
        if not self._is_there():
            raise TableError(
                f"there is no table {self.undo_in}: no update of this column can be undone",
                reason="none",
                next_step="name table and column as they were updated; after --finish or --undo nothing is left",
            )

    def _require_unique(self) -> None:
        twice = select(*self._order).group_by(*self._order).having(func.count() > 1).limit(1)
        with guard(self._found.table), self._found.engine.connect() as connection:
            if connection.execute(twice).first() is not None:
                raise TableError(
                    f"the columns of --key-column do not find one row each of {self._found.table}",
                    reason="key",
                    next_step="name columns that are together unique",
                )


def _moves_table(found: Found, others: Sequence[str]) -> Table:
    kinds = dict(found.keys)
    name = f"padan_moves_{found.table}_{found.column}"
    if len(name) > _NAME_MOST:
        name = f"padan_moves_{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return Table(
        name,
        MetaData(),
        *(Column(f"key_{each}", kinds[each], primary_key=True, autoincrement=False) for each in others),
        Column(_OLD, found.kind, primary_key=found.column in kinds, nullable=False),
        Column(_NEW, found.kind, nullable=False),
        schema=found.schema,
    )


def _after(order: Sequence[ColumnElement[Any]], last: Sequence[Any]) -> ColumnElement[bool]:
    """Say what comes after a key, in the order of several columns; not every engine compares rows."""
    return or_(
        *(
            and_(
                *(column == value for column, value in zip(order[:place], last, strict=False)),
                each > last[place],
            )
            for place, each in enumerate(order)
        )
    )


def _bound(pair: dict[str, Any]) -> dict[str, Any]:
    return {f"padan_{name}": value for name, value in pair.items()}


def _standing(held: Held, cell: Any) -> Held:
    return Held.of(held.number, held.key, cell)
