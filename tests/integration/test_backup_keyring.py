"""A backup whose keyring is older than what the log that it holds has seen."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from tests.integration.test_backup import move_head, site
from tests.operating import operate
from verifier.backup.create import create

if TYPE_CHECKING:
    from tests.integration.test_backup import Site

__all__ = ["site"]


def test_a_keyring_older_than_the_log_knows_needs_two_officers(site: Site) -> None:
    """Though the head has not seen the newer one, no service would begin, and what comes next is said."""
    installation = site.installation
    move_head(installation)
    with closing(installation.agent()) as agent:
        newer = agent.keyring_counter + 1
    with closing(installation.directory()) as directory:
        directory.set_setting("keyring.counter", str(newer))
    create(installation.settings, site.backup)
    site.lose()
    told = operate(installation, "backup", "restore", site.backup)
    assert "0 are missing" in told
    assert f"the log has seen {newer}" in told
    assert "log propose-loss" in told
    assert f"has seen {newer}" in json.loads(operate(installation, "log", "head", "--json"))["fault"]
