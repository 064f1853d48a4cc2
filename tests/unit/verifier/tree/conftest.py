"""A log with a tree for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tree import open_site
from verifier import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tree import Site


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Site]:
    """A new log on SQLite, where what is tried is the folder's."""
    database = str(tmp_path / "log.sqlite")
    migrations.upgrade(database, migrations.Tree.LOG)
    with open_site(database, tmp_path) as opened:
        yield opened
