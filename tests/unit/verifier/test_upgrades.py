"""Upgrades from every earlier version of both databases, with rows in every table, and the way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from verifier import migrations
from verifier.database import Address, make_engine, parse_address
from verifier.migrations import CATALOGUE, Tree

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

Rows = dict[str, list[tuple[Any, ...]]]


def versions(tree: Tree) -> list[str]:
    """List a tree's versions, the oldest first."""
    scripts = ScriptDirectory.from_config(migrations._config(tree)).walk_revisions()
    return [script.revision for script in scripts][::-1]


EARLIER = [(tree, version) for tree in Tree for version in versions(tree)[:-1]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each engine; for the vault, a folder."""
    return str(tmp_path / "db") if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


def engine_of(database: str, tree: Tree) -> Engine:
    """Open a database."""
    address = parse_address(database)
    if address.path is not None and tree is Tree.VAULT:
        address.path.mkdir(exist_ok=True)
        address = Address(path=address.path / CATALOGUE)
    return make_engine(address, create=True, wal=tree is Tree.LOG)


def fill(connection: Connection, tree: Tree) -> Rows:
    """Put a row into every table that has none, and give what is in all of them."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        if table.name == tree.version_table or connection.execute(table.select()).first() is not None:
            continue
        checks = [str(check["sqltext"]) for check in inspector.get_check_constraints(table.name)]
        found = [re.search(r"(\w+)[^']*'([^']+)'", check) for check in checks]
        allowed = {each[1]: each[2] for each in found if each is not None}
        row: dict[str, Any] = {}
        for column in table.columns:
            if isinstance(column.type, sa.LargeBinary):
                row[column.name] = bytes(16)
            else:
                row[column.name] = allowed.get(column.name, "{}") if isinstance(column.type, sa.String) else 1
        connection.execute(table.insert().values(row))
    return read(connection, {name: list(table.columns.keys()) for name, table in metadata.tables.items()})


def read(connection: Connection, columns: dict[str, list[str]]) -> Rows:
    """Read these columns of these tables."""
    found: Rows = {}
    for name, names in columns.items():
        table = sa.table(name, *map(sa.column, names))
        found[name] = [tuple(row) for row in connection.execute(sa.select(table))]
    return found


def move(connection: Connection, tree: Tree, step: str, version: str) -> None:
    """Let Alembic up- or downgrade."""
    config = migrations._config(tree)
    config.attributes["connection"] = connection
    getattr(command, step)(config, version)


def columns_of(connection: Connection) -> dict[str, list[str]]:
    """Name the columns of every table."""
    inspector = sa.inspect(connection)
    return {
        name: [column["name"] for column in inspector.get_columns(name)]
        for name in inspector.get_table_names()
    }


@pytest.mark.parametrize(("tree", "version"), EARLIER, ids=str)
def test_an_upgrade_keeps_every_row_and_so_does_the_way_back(database: str, tree: Tree, version: str) -> None:
    """From an earlier version with data to today's, and back: no row and no column of the earlier one is lost."""
    engine = engine_of(database, tree)
    changing = {tree.version_table, f"{tree.value}_reader"}
    with engine.begin() as connection:
        migrations.build(connection, tree, version)
        columns = {name: names for name, names in columns_of(connection).items() if name not in changing}
        before = {name: rows for name, rows in fill(connection, tree).items() if name in columns}
    assert migrations.upgrade(database, tree).is_current
    with engine.begin() as connection:
        assert read(connection, columns) == before
        fill(connection, tree)
        move(connection, tree, "downgrade", version)
    with engine.begin() as connection:
        after = {name: names for name, names in columns_of(connection).items() if name not in changing}
        assert after == columns
        assert read(connection, columns) == before
        move(connection, tree, "upgrade", "head")
        assert read(connection, columns) == before
    engine.dispose()


@pytest.mark.parametrize(("tree", "version"), EARLIER, ids=str)
def test_the_release_before_goes_on_after_an_upgrade(
    database: str, tree: Tree, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release whose newest version is an earlier one works with what today's upgraded, if it was the one before."""
    monkeypatch.setattr(migrations, "RELEASED", {tree: version})
    migrations.upgrade(database, tree)
    known = set(versions(tree)[: versions(tree).index(version) + 1])
    monkeypatch.setattr(migrations, "_newest", lambda _tree: version)
    monkeypatch.setattr(migrations, "_versions", lambda _tree: known)
    migrations.require_current(database, tree)
    assert migrations.current(database, tree).is_later
