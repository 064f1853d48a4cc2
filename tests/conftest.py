"""What every test may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys import process
from tests.installation import install
from tests.postgres import PostgresServer
from tests.service import RunningService, running
from tests.terms import Terms
from verifier import migrations

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


TOLD = 60
"""Lines of a service's own messages that are shown where a test fails."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services of a failed test have said."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, given in item.funcargs.items():
            if isinstance(given, RunningService):
                said = given.messages().splitlines()[-TOLD:]
                report.sections.append((f"the last messages of {name}, {call.when}", "\n".join(said)))
    return report


@pytest.fixture(autouse=True)
def stays_unprotected() -> Iterator[None]:
    """Refuse a test that protects this process, for good: the tests after it would run in another one than alone."""
    before = process.is_hardened()
    yield
    assert process.is_hardened() == before, "run what hardens its process in a process of its own"


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


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service with agencies of several standings; tests leave its people's budgets alone."""
    installation = install(
        tmp_path_factory.mktemp("installation"),
        agencies={
            "tax": Terms(subject=10_000, prefix=100_000),
            "elsewhere": Terms(addresses=("192.0.2.0/24",)),
            "poor": Terms(calls_per_day=3),
        },
        extra="joint_subject_budget = 100000\njoint_prefix_budget = 100000\n",
    )
    installation.certify("nobody")
    installation.grant_auditor("auditor-1")
    installation.certify("stranger", register=False)
    with running(installation) as started:
        yield started


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that repeats one story of the simulation."""
    parser.addoption("--seed", default=None, help="the simulation's seed to repeat")
