"""What the projector's role may do on PostgreSQL, where it is not the service's: the least that its work takes.

It reads and writes the vault, and makes the tables of epochs there. Of the log it adds entries, without reading any but
their places and times; it reads and adds marks of residents, and where they came from, and lets rows behind tokens and
enrolments follow. Stored answers, counters, disputes, callers and what entries say are closed to it.

An epoch's table belongs to whoever made it, the projector by a load or the service's role by a rotation, and is shared
with the other one as it is made (`share`), so that nobody has to think of it: with the owner of the catalogue, and with
whoever may move a feed's position. Whoever owns the schema may drop it, as PostgreSQL has it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, LiteralString

from psycopg import sql

from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

_READ: Final = "SELECT"
_CHANGE: Final = "SELECT, INSERT, UPDATE, DELETE"
_EPOCH: Final = "SELECT, INSERT, UPDATE"
RIGHTS: Final[Mapping[str, Mapping[str, LiteralString]]] = MappingProxyType(
    {
        "log": {
            "alembic_version_log": _READ,
            "log_reader": _READ,
            "entry": "SELECT (sequence, log_time_ms), INSERT",
            "generation": "SELECT, UPDATE",
            "agreement": _READ,
            "resident_mark": "SELECT, INSERT, UPDATE",
            "modality_lock": "SELECT, INSERT",
            "mark_place": "SELECT, INSERT, DELETE",
            "mark_carried": "SELECT, INSERT, DELETE",
            "token_row": _CHANGE,
            "enrolment_row": "SELECT, DELETE",
        },
        "vault": {
            "alembic_version_vault": _READ,
            "vault_reader": _READ,
            "epoch": "SELECT, INSERT, UPDATE",
            "epoch_layer": _READ,
            "feed_position": _CHANGE,
            "reference_slot": _CHANGE,
            "reference": _CHANGE,
            "reference_load": "SELECT, INSERT, UPDATE",
            "reference_extractor": "SELECT, INSERT",
            "rotation": "SELECT, INSERT, UPDATE",
            "rotation_change": _CHANGE,
            "rotation_pair": _CHANGE,
            "rotation_behind": _CHANGE,
        },
    }
)
"""Tree of migrations to its tables, and what the role may do with each; with a table that is not named, nothing."""
_MARKS: Final = {"log": "entry", "vault": "feed_position"}
"""The table of each tree by which one sees who has the rights: no other role may add to it."""
_SCHEMA: Final[Mapping[str, LiteralString]] = {"log": "USAGE", "vault": "USAGE, CREATE"}

_ROLE: Final = "SELECT rolname = current_user FROM pg_roles WHERE rolname = %s"
_OWNER: Final = (
    "SELECT nspname, pg_get_userbyid(nspowner), pg_has_role(nspowner, 'USAGE') FROM pg_namespace"
    " WHERE nspname = current_schema()"
)
_OF_DATABASE: Final = (
    "SELECT current_database(), has_database_privilege(%(role)s, current_database(), 'CONNECT')"
    " AND has_database_privilege(%(role)s, current_database(), 'TEMPORARY')"
)
_HOLDERS: Final = (
    "SELECT DISTINCT pg_get_userbyid(given.grantee)::text FROM pg_class AS held, aclexplode(held.relacl) AS given"
    " WHERE held.oid = to_regclass(%s) AND given.privilege_type = 'INSERT'"
    " AND given.grantee NOT IN (0, held.relowner) ORDER BY 1"
)
_CATALOGUE: Final = "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = to_regclass('epoch')"
_ME: Final = "SELECT current_user::text"
_EPOCHS: Final = (
    "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    " AND relname ~ '^epoch_[0-9]{6,}$' AND pg_has_role(relowner, 'USAGE') ORDER BY 1"
)


class NoRolesError(OperatorError):
    """The database is a file, and files have owners in the place of roles."""


class RoleError(OperatorError):
    """There is no such role, or whoever asks cannot give it what it needs."""


def give(connection: psycopg.Connection, tree: str, role: str) -> list[str]:
    """Give a role its rights on one tree's database, in the caller's transaction; twice is as once.

    Args:
        connection: as the role that owns the tables.
        tree: `log` or `vault`.
        role: the projector's.

    Returns:
        The statements that did it.

    Raises:
        RoleError: there is no such role, it owns the tables, or the schema is another's.
        psycopg.Error: the server refuses.
    """
    found = connection.execute(_ROLE, (role,)).fetchone()
    if found is None:
        raise RoleError(f"the database's server has no role {role}")
    if found[0]:
        raise RoleError(f"{role} is the role that gives; name the projector's")
    owner = connection.execute(_OWNER).fetchone()
    if owner is None or not owner[2]:
        raise RoleError(
            f"the schema belongs to {owner[1] if owner else 'nobody'}, so that its tables are not ours to share"
        )
    wanted = [_given(_SCHEMA[tree], sql.SQL("SCHEMA {}").format(sql.Identifier(owner[0])), role)]
    database = connection.execute(_OF_DATABASE, {"role": role}).fetchone()
    if database is not None and not database[1]:
        wanted.append(
            _given("CONNECT, TEMPORARY", sql.SQL("DATABASE {}").format(sql.Identifier(database[0])), role)
        )
    return _run(connection, [*wanted, *_on_tables(connection, tree, role)])


def renew(connection: psycopg.Connection, tree: str) -> None:
    """Give whoever has the rights those on tables that have come with an upgrade, in its transaction.

    Raises:
        psycopg.Error: the server refuses.
    """
    for (role,) in connection.execute(_HOLDERS, (_MARKS[tree],)).fetchall():
        _run(connection, _on_tables(connection, tree, role))


def share(connection: psycopg.Connection, table: str) -> None:
    """Share the table of an epoch with whoever else works on the vault, in the transaction that makes it.

    Raises:
        psycopg.Error: the server refuses.
    """
    rows = [
        *connection.execute(_CATALOGUE).fetchall(),
        *connection.execute(_HOLDERS, (_MARKS["vault"],)).fetchall(),
    ]
    own = connection.execute(_ME).fetchone()
    others = {role for (role,) in rows} - set(own or ())
    _run(connection, [_given(_EPOCH, sql.Identifier(table), role) for role in sorted(others)])


def _on_tables(connection: psycopg.Connection, tree: str, role: str) -> Iterator[sql.Composed]:
    for table, rights in RIGHTS[tree].items():
        yield _given(rights, sql.Identifier(table), role)
    if tree == "vault":
        for (table,) in connection.execute(_EPOCHS).fetchall():
            yield _given(_EPOCH, sql.Identifier(table), role)


def _given(rights: LiteralString, what: sql.Composable, role: str) -> sql.Composed:
    return sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), what, sql.Identifier(role))


def _run(
    connection: psycopg.Connection, statements: Iterator[sql.Composed] | list[sql.Composed]
) -> list[str]:
    told = []
    for statement in statements:
        connection.execute(statement)
        told.append(statement.as_string(connection))
    return told
