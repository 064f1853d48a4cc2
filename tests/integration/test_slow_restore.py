"""A restore takes as long as a nation's tables need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.test_backup import Site
from tests.operating import operate
from verifier.watchdog import OPERATION_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import PostgresServer


def test_an_index_may_take_longer_than_a_question(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """The limits of a question's statements are not those of the key of a table that is restored."""
    site = Site(tmp_path, postgres_server)
    operate(site.installation, "backup", "create", site.backup)
    site.lose()
    with postgres_server.taking(OPERATION_SECONDS + 0.5, "ALTER TABLE"):
        operate(site.installation, "backup", "restore", site.backup)
    assert json.loads(operate(site.installation, "epoch", "list", "--json"))[0]["state"] == "active"
    postgres_server.drop_database(site.url)
