"""A table of an agency's database, found by URL and names; what the database says, as our errors.

Guarantees: no error carries a value, a statement's parameters, or a password of the URL.
"""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    NoSuchTableError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.types import NullType, UserDefinedType

from padan.errors import UnavailableError
from padan.table.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.types import TypeEngine

_LOCK_SECONDS: Final = 30


class DatabaseAwayError(UnavailableError):
    """The database does not answer, or does not take what is written now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A table and what is needed of it.

    Attributes:
        engine: of its database.
        schema: of the table; None for the default one.
        table: its name.
        column: name of the column of tokens.
        kind: its type.
        keys: names and types of the columns that find a row, in order.
    """

    engine: Engine
    schema: str | None
    table: str
    column: str
    kind: TypeEngine[Any]
    keys: tuple[tuple[str, TypeEngine[Any]], ...]


def find(url: str, table: str, column: str, keys: Sequence[str] = ()) -> Found:
    """Find a table.

    Args:
        url: as SQLAlchemy writes it, for example postgresql+psycopg://user@host/database.
        table: its name, with its schema before a dot where that is not the default one.
        column: of the tokens.
        keys: columns that find a row; default the primary key.

    Raises:
        TableError: no such URL, driver, table or column, or nothing that finds a row.
        DatabaseAwayError: it does not answer.
    """
    engine = _engine(url)
    try:
        return _look(engine, table, column, keys)
    except BaseException:
        engine.dispose()
        raise


def _look(engine: Engine, table: str, column: str, keys: Sequence[str]) -> Found:
    with guard(table):
        inspector = inspect(engine)
        schema, name = _names(inspector, table)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # types that SQLAlchemy does not know, of columns that are not read
            kinds = {each["name"]: each for each in inspector.get_columns(name, schema=schema)}
        primary = inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
    chosen = list(keys) or primary
    for option, wanted in (("--column", [column]), ("--key-column", chosen)):
        if missing := [each for each in wanted if each not in kinds]:
            raise TableError(
                f"the table {table} has no column {missing[0]}",
                reason="column",
                next_step=f"name a column of the table with {option}, as the database spells it",
            )
    if not chosen or any(kinds[each]["nullable"] for each in keys):
        raise TableError(
            f"nothing finds a row of {table} again: it has no primary key, or a named column may be NULL",
            reason="key",
            next_step="name columns that are NOT NULL and together unique, with --key-column COLUMN",
        )
    return Found(
        engine=engine,
        schema=schema,
        table=name,
        column=column,
        kind=_kind(kinds[column]["type"], engine),
        keys=tuple((each, _kind(kinds[each]["type"], engine)) for each in chosen),
    )


class _Untyped(UserDefinedType[Any]):
    """The type of a column of SQLite that has none: each value is as it was written."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name a type that changes no value."""
        return "BLOB"


def _kind(kind: TypeEngine[Any], engine: Engine) -> TypeEngine[Any]:
    return _Untyped() if isinstance(kind, NullType) and engine.dialect.name == "sqlite" else kind


@contextlib.contextmanager
def guard(table: str) -> Iterator[None]:
    """Turn what the database says into our errors.

    Raises:
        DatabaseAwayError: it may work later.
        TableError: somebody must change something first.
    """
    try:
        yield
    except NoSuchTableError:
        raise _no_table(table) from None
    except (OperationalError, InterfaceError) as error:
        raise DatabaseAwayError(
            f"the database of {table} does not take this now ({_said(error)})",
            reason="database",
            next_step="see that it runs and that nobody locks the table, and run the same command; what is done is "
            "done, whole batches each",
        ) from None
    except SQLAlchemyError as error:
        raise TableError(
            f"the database refuses this on {table} ({_said(error)})",
            reason="database",
            next_step="the user needs SELECT and UPDATE on the table, and may create and drop a table beside it",
        ) from None


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        kind, file = parsed.get_backend_name(), parsed.database
        if kind == "sqlite" and (not file or not (file.startswith("file:") or Path(file).is_file())):
            raise TableError(
                "there is no such SQLite file",
                reason="url",
                next_step="write it as sqlite:////absolute/path.db",
            )
        options = {"timeout": _LOCK_SECONDS} if kind == "sqlite" else {}
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=options)
    except (ArgumentError, NoSuchModuleError):
        raise TableError(
            "the URL of the database is none that SQLAlchemy knows",
            reason="url",
            next_step="write it as sqlite:////path.db or postgresql+psycopg://user@host/database",
        ) from None
    except ModuleNotFoundError as error:
        raise TableError(
            f"the database's driver {error.name} is not installed",
            reason="extra",
            next_step=f"pip install {error.name}, or name another driver in the URL, such as postgresql+psycopg://",
        ) from None


def _names(inspector: Any, table: str) -> tuple[str | None, str]:
    if inspector.has_table(table):
        return None, table
    schema, dot, name = table.rpartition(".")
    if not dot or not inspector.has_table(name, schema=schema):
        raise _no_table(table)
    return schema, name


def _no_table(table: str) -> TableError:
    return TableError(
        f"there is no table {table}",
        reason="table",
        next_step="name it as the database spells it, with its schema before a dot where that is not the default one",
    )


def _said(error: SQLAlchemyError) -> str:
    """Name an error without its words, which may hold values."""
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    return code or type(original or error).__name__
