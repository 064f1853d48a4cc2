"""The migrations build the schema that the code uses, on both engines, and refuse what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import column, inspect, table, text

from verifier import migrations, schema
from verifier.database import Address, make_engine, parse_address
from verifier.failure import Failure
from verifier.migrations import DatabaseFailedError, DatabaseVersionError, Tree, Version
from verifier.watchdog import OPERATION_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from tests.postgres import PostgresServer

NEWEST = {Tree.LOG: "0016", Tree.VAULT: "0008"}
METADATA = {Tree.LOG: schema.log_metadata, Tree.VAULT: schema.vault_metadata}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database that is empty."""
    return (
        str(tmp_path / "one") if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    )


def engine_of(database: str, tree: Tree) -> Engine:
    """Open a database."""
    address = parse_address(database)
    if address.path is not None and tree is Tree.VAULT:
        address = Address(path=address.path / migrations.CATALOGUE)
    return make_engine(address, wal=tree is Tree.LOG)


@pytest.mark.parametrize("tree", list(Tree))
def test_migrations_and_models_agree(database: str, tree: Tree) -> None:
    """From empty to newest gives exactly the tables, columns, types and indexes of verifier/schema.py."""
    assert migrations.current(database, tree) == Version(current=None, newest=NEWEST[tree])
    assert migrations.upgrade(database, tree).is_current
    engine = engine_of(database, tree)

    def is_here(thing: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:  # noqa: FBT001 - Alembic's
        return kind != "table" or thing.info.get("dialect", engine.dialect.name) == engine.dialect.name

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": tree.version_table,
                "compare_type": True,
                "include_object": is_here,
            },
        )
        assert compare_metadata(context, METADATA[tree]) == []
        checks = {
            str(check["name"])
            for table in METADATA[tree].tables
            if inspect(connection).has_table(table)
            for check in inspect(connection).get_check_constraints(table)
        }
    engine.dispose()
    expected = {
        Tree.LOG: {
            "agreement_status",
            "auditor_grant_status",
            "capture_device_pad_level",
            "generation_single",
            "leader_single",
            "resident_mark_name",
        },
        Tree.VAULT: {"epoch_state", "rotation_single", "rotation_state"},
    }
    assert checks == expected[tree]


def test_an_upgrade_again_changes_nothing(database: str) -> None:
    """Upgrading a current database is allowed and keeps what is in it."""
    migrations.upgrade(database)
    engine = engine_of(database, Tree.LOG)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO setting (name, value) VALUES ('a', 'b')"))
    assert migrations.upgrade(database).is_current
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM setting")).scalar_one() == "b"
    engine.dispose()
    migrations.require_current(database)


def test_both_trees_live_in_one_postgresql_database(postgres_url: str) -> None:
    """Log and vault in the same database keep their versions apart."""
    for tree in Tree:
        migrations.upgrade(postgres_url, tree)
    for tree in Tree:
        migrations.require_current(postgres_url, tree)


@pytest.mark.parametrize("tree", list(Tree))
def test_a_database_of_the_next_release_is_worked_with(database: str, tree: Tree) -> None:
    """What the next release has upgraded names this one among its readers; an upgrade by this one leaves it alone."""
    migrations.upgrade(database, tree)
    engine = engine_of(database, tree)
    readers = METADATA[tree].tables[f"{tree.value}_reader"]
    versions = table(tree.version_table, column("version_num"))
    with engine.begin() as connection:
        connection.execute(versions.update().values(version_num="9999"))
        connection.execute(readers.insert().values(version="9999"))
    migrations.require_current(database, tree)
    assert migrations.upgrade(database, tree) == Version(current="9999", newest=NEWEST[tree], is_later=True)
    with engine.connect() as connection:
        listed = connection.execute(readers.select()).scalars().all()
    engine.dispose()
    assert sorted(listed) == [NEWEST[tree], "9999"]


def test_a_database_of_a_later_release_is_refused(database: str) -> None:
    """A version that this release does not know, and that does not know it, is neither used nor changed."""
    migrations.upgrade(database)
    engine = engine_of(database, Tree.LOG)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version_log SET version_num = '9999'"))
        connection.execute(text("UPDATE log_reader SET version = '9998'"))
    for step in (migrations.upgrade, migrations.current, migrations.require_current):
        with pytest.raises(DatabaseVersionError, match="9999"):
            step(database)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version_log")).scalar_one() == "9999"
    engine.dispose()


def test_an_empty_database_is_not_current(database: str) -> None:
    """A server does not start on a database that was never upgraded, and is told what to do."""
    for tree in Tree:
        with pytest.raises(DatabaseVersionError, match="padan-server database upgrade"):
            migrations.require_current(database, tree)


def test_looking_makes_no_file(tmp_path: Path) -> None:
    """Asking for a version leaves no file behind."""
    for tree in Tree:
        migrations.current(str(tmp_path / "new" / "log.sqlite"), tree)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """A folder in the file's place, a file in the folder's, and a server that is away are named as such."""
    (tmp_path / "log.sqlite").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    cases = {
        str(tmp_path / "log.sqlite"): Failure.CANNOT_OPEN,
        str(tmp_path / "file" / "log.sqlite"): Failure.CANNOT_OPEN,
        f"postgresql://postgres@/padan?host={tmp_path}": Failure.DISCONNECTED,
    }
    for database, expected in cases.items():
        with pytest.raises(DatabaseFailedError) as caught:
            migrations.upgrade(database)
        assert caught.value.failure is expected


def test_a_server_that_lets_nobody_in_is_not_away(postgres_server: PostgresServer) -> None:
    """A database that is not there is told apart from a server that is not."""
    with pytest.raises(DatabaseFailedError, match="make the database and its role") as caught:
        migrations.upgrade(postgres_server.url("nowhere"))
    assert caught.value.failure is Failure.REFUSED


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """A database in which a table is in the way is left as it was."""
    path = tmp_path / "log.sqlite"
    engine = make_engine(Address(path=path), create=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE setting (other INTEGER)"))
    with pytest.raises(DatabaseFailedError):
        migrations.upgrade(str(path))
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["setting"]
    engine.dispose()


@pytest.mark.parametrize("tree", list(Tree))
def test_a_downgrade_removes_what_the_upgrade_made(database: str, tree: Tree) -> None:
    """Back to nothing leaves no table but Alembic's own."""
    from alembic import command

    migrations.upgrade(database, tree)
    engine = engine_of(database, tree)
    with engine.begin() as connection:
        config = migrations._config(tree)
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == [tree.version_table]
    engine.dispose()


def test_an_upgrade_takes_as_long_as_it_needs(postgres_server: PostgresServer, postgres_url: str) -> None:
    """The limits of a question's statements are not those of an index over millions of rows."""
    with postgres_server.taking(OPERATION_SECONDS + 0.5, "CREATE INDEX"):
        assert migrations.upgrade(postgres_url, Tree.VAULT).is_current
