"""Installations that keep references, on both engines."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.keychange import Action, Change
from keys.purpose import Purpose
from tests.installation import install
from verifier.reference.table import ReferenceTable
from verifier.vault.open import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keys.agent import LocalKeyAgent
    from tests.installation import Installation


def new_key(made: Installation) -> None:
    """Make a biometric key, under which new references are made from now on."""
    made.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.BIOMETRIC))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation on each engine, with a biometric key; its tests share it."""
    url, server = "", None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.make_database()
    installation = install(tmp_path_factory.mktemp("references"), log_url=url, vault_url=url)
    new_key(installation)
    yield installation
    if server is not None:
        server.drop_database(url)


@pytest.fixture
def made(installed: Installation) -> Iterator[Installation]:
    """The installation, which keeps no references before and after each test."""
    yield installed
    with closing(ReferenceTable(place_of(installed.settings.vault_database))) as table:
        for number in table.standing().keeping:
            table.forget(number)


@pytest.fixture
def agent(made: Installation) -> Iterator[LocalKeyAgent]:
    """The installation's keys."""
    with closing(made.agent()) as opened:
        yield opened
