"""What every test may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres import PostgresServer
from verifier import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start one PostgreSQL for the whole session."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Make an empty database for one test."""
    url = postgres_server.make_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_log_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database of the log, on each engine, that has nothing in it yet."""
    if request.param == "sqlite":
        return str(tmp_path / "log.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def log_database(empty_log_database: str) -> str:
    """Make a database of the log on each engine."""
    migrations.upgrade(empty_log_database, migrations.Tree.LOG)
    return empty_log_database


@pytest.fixture(params=["sqlite", "postgresql"])
def vault_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Make a database of the vault on each engine."""
    database = str(tmp_path / "vault")
    if request.param == "postgresql":
        database = str(request.getfixturevalue("postgres_url"))
    migrations.upgrade(database, migrations.Tree.VAULT)
    return database


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that repeats one story of the simulation."""
    parser.addoption("--seed", default=None, help="the simulation's seed to repeat")
