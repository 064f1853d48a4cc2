"""What the integration tests share: each engine's database, and a keyring that is made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.provider import open_provider
from keys.realm import Realm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import PostgresServer


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of each engine for a module's tests; empty for SQLite's files."""
    if request.param == "sqlite":
        yield ""
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.make_database()
    yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest) -> str:
    """A database of each engine for one test; empty for SQLite's files."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a keyring."""
    folder = tmp_path_factory.mktemp("keyring")
    (folder / "pass").write_text("a passphrase for tests only")
    provider = open_provider("file:kek.json?passphrase-file=pass", base=folder)
    Custody(path=folder / "keyring.json", provider=provider, actor="tester").create(
        Realm(registry_id="registry-test", environment="development")
    )
    return folder
