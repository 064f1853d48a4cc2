"""The schema's history, as two Alembic trees: `log` and `vault`. Both may live in one PostgreSQL database.

A migration works with the release before it: old workers go on, and may start, while the new ones come (add first,
remove a release later). The upgrade writes into the database which releases may work with it, each by the newest
version that it knows; a release that is not among them refuses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from verifier import grants
from verifier.database import Address, make_engine, parse_address
from verifier.errors import OperatorError
from verifier.failure import ADVICE, Failure, classify
from verifier.folders import make_folder
from verifier.schema import log_reader, vault_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection, Engine

_HERE = Path(__file__).parent
CATALOGUE = "catalogue.sqlite"
"""The vault's database on SQLite, inside the vault's folder."""


RELEASED: Mapping[str, str] = MappingProxyType({})
"""The newest version of each tree in the release before this one; empty before there is one."""


class Tree(enum.StrEnum):
    """One of the two schemas."""

    LOG = "log"
    VAULT = "vault"

    @property
    def version_table(self) -> str:
        """Name of the table in which Alembic keeps the tree's version."""
        return f"alembic_version_{self.value}"


_READERS = {Tree.LOG: log_reader, Tree.VAULT: vault_reader}


class DatabaseVersionError(OperatorError):
    """The database is of a version that this release does not work with."""


class DatabaseFailedError(OperatorError):
    """The database could not be read or changed.

    Attributes:
        failure: what is wrong with it.
    """

    def __init__(self, tree: Tree, failure: Failure) -> None:
        super().__init__(f"{tree.value} database: {ADVICE[failure]}")
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Where a database stands.

    Attributes:
        current: its version; None for an empty database.
        newest: the newest version that this release knows.
        is_later: a later release has upgraded it, and left it readable to this one.
    """

    current: str | None
    newest: str
    is_later: bool = False

    @property
    def is_current(self) -> bool:
        """Whether this release can work with the database as it is."""
        return self.is_later or self.current == self.newest


def upgrade(database: str, tree: Tree = Tree.LOG) -> Version:
    """Bring a database to this release's version; creates a SQLite file, and its folder, that is not there.

    What a later release has upgraded stays as it is.

    Args:
        database: as `Settings.log_database` or `Settings.vault_database` has it.
        tree: which schema it is to have.

    Raises:
        DatabaseVersionError: its version is newer or unknown.
        DatabaseFailedError: it cannot be changed.
    """
    address = _address(database, tree)
    if address.path is not None:
        _make_folder(address.path.parent, tree)
    engine = make_engine(address, create=True, wal=tree is Tree.LOG, patient=True)
    try:
        version = _known_version(engine, tree)
        if version.is_later:
            return version
        with engine.begin() as connection:
            bring_up(connection, tree)
            if address.path is None:
                grants.renew(_driver(connection), tree.value)
        return _known_version(engine, tree)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise DatabaseFailedError(tree, classify(error)) from error
    finally:
        engine.dispose()


def grant(database: str, tree: Tree, role: str) -> list[str]:
    """Let a role of PostgreSQL work on a database as the projector does (`verifier.grants`); twice is as once.

    Args:
        database: as for `upgrade`, by the role that owns its tables.
        tree: which schema it has.
        role: the projector's.

    Returns:
        The statements that did it.

    Raises:
        grants.NoRolesError: the database is a file.
        grants.RoleError: there is no such role, or it cannot be given what it needs.
        DatabaseVersionError: the database has another version, or is empty.
        DatabaseFailedError: it cannot be read or changed.
    """
    address = _address(database, tree)
    if address.path is not None:
        raise grants.NoRolesError(f"the {tree.value} database is a file, which has an owner and no roles")
    require_current(database, tree)
    engine = make_engine(address)
    try:
        with engine.begin() as connection:
            return grants.give(_driver(connection), tree.value, role)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise DatabaseFailedError(tree, classify(error)) from error
    finally:
        engine.dispose()


def bring_up(connection: Connection, tree: Tree) -> None:
    """Bring a database of a known version to this release's, in the caller's transaction.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database refuses.
    """
    config, newest = _config(tree), _newest(tree)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    readers = _READERS[tree]
    connection.execute(delete(readers))
    for known in {newest, RELEASED.get(tree, newest)}:
        connection.execute(insert(readers).values(version=known))


def build(connection: Connection, tree: Tree, version: str) -> None:
    """Build a version's tables in an empty database, in the caller's transaction.

    Raises:
        DatabaseVersionError: this release does not know the version.
        sqlalchemy.exc.SQLAlchemyError: the database refuses.
    """
    require_known(tree, version)
    config = _config(tree)
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def require_known(tree: Tree, version: str) -> None:
    """Refuse a version that this release does not know.

    Raises:
        DatabaseVersionError: it does not.
    """
    if version not in _versions(tree):
        raise DatabaseVersionError(
            f"the {tree.value} database has version {version}, which this release does not know:"
            " install the release that wrote it"
        )


def current(database: str, tree: Tree = Tree.LOG) -> Version:
    """Say where a database stands, without changing it.

    Raises:
        DatabaseVersionError: its version is newer or unknown.
        DatabaseFailedError: it cannot be read.
    """
    address = _address(database, tree)
    if address.path is not None and not address.path.exists():
        return Version(current=None, newest=_newest(tree))
    engine = make_engine(address, wal=tree is Tree.LOG)
    try:
        return _known_version(engine, tree)
    except SQLAlchemyError as error:
        raise DatabaseFailedError(tree, classify(error)) from error
    finally:
        engine.dispose()


def require_current(database: str, tree: Tree = Tree.LOG) -> None:
    """Refuse a database that is not of this release's version; a server calls this at its start.

    Raises:
        DatabaseVersionError: it has another version, or is empty.
        DatabaseFailedError: it cannot be read.
    """
    version = current(database, tree)
    if not version.is_current:
        raise DatabaseVersionError(
            f"the {tree.value} database has version {version.current or 'none'}, this release needs"
            f" {version.newest}: run 'padan-server database upgrade'"
        )


def _address(database: str, tree: Tree) -> Address:
    address = parse_address(database)
    if address.path is None or tree is Tree.LOG:
        return address
    return Address(path=address.path / CATALOGUE)


def _driver(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the engine is not psycopg's")
    return driver


def _make_folder(folder: Path, tree: Tree) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise DatabaseFailedError(tree, Failure.CANNOT_OPEN) from error


def _config(tree: Tree) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE / tree.value).replace("%", "%%"))
    config.attributes["tree"] = tree
    return config


def _newest(tree: Tree) -> str:
    head = ScriptDirectory.from_config(_config(tree)).get_current_head()
    if head is None:
        raise DatabaseVersionError(f"this release has no migrations of the {tree.value} database")
    return head


def _versions(tree: Tree) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config(tree)).walk_revisions()}


def _known_version(engine: Engine, tree: Tree) -> Version:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": tree.version_table})
        found, newest = context.get_current_revision(), _newest(tree)
        if found is None or found in _versions(tree):
            return Version(current=found, newest=newest)
        readers = _READERS[tree]
        if connection.scalar(select(readers.c.version).where(readers.c.version == newest)):
            return Version(current=found, newest=newest, is_later=True)
    raise DatabaseVersionError(
        f"the {tree.value} database has version {found}, which this release does not know:"
        " install the release that wrote it, or the one before that"
    )
