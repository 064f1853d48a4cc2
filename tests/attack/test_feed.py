"""A feed of 100,000 changes, its process killed 50 times, every file delivered twice: in the end as if loaded today."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.installation import install
from tests.integration.feeding import SIGNER, comparable, feed, history, people
from tests.integration.loading import COMMAND
from verifier.agreement import signkey
from verifier.feed.following import follow

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

pytestmark = [pytest.mark.attack, pytest.mark.long]

_PEOPLE, _HELD = 12_000, 8_000
_FILES, _CHANGES = 10, 10_000
_KILLS = 50


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killed_and_delivered_twice_it_ends_as_a_fresh_load(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Real processes, killed without warning, at any moment of their work; record by record through the keys."""
    server: PostgresServer | None = None
    url = ""
    if engine == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.make_database()
    installation = install(
        tmp_path_factory.mktemp("feed"),
        agencies={},
        people=(),
        log_url=url,
        vault_url=url,
        extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )
    source = random.Random(8)
    everyone = people(_PEOPLE)
    numbers = sorted(everyone)
    held, spare = {nik: everyone[nik] for nik in numbers[:_HELD]}, numbers[_HELD:]
    installation.load(held.values())
    file = installation.root / "changes.feed"
    command = [*COMMAND, "--config", str(installation.config_path), "registry", "sync", str(file), "--json"]
    kills, after = 0, 0
    for number in range(1, _FILES + 1):
        file.write_bytes(feed(installation, after, *history(source, held, spare, _CHANGES)))
        after += _CHANGES
        while kills < _KILLS * number // _FILES:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(source.uniform(0.5, 3.0))
            if process.poll() is None:
                kills += 1
            process.kill()
            process.wait()
        for _ in range(2):
            assert follow(installation.settings, file.name, file.read_bytes()).position == after
    followed = comparable(installation, numbers)
    installation.load(held.values())
    differing = sum(
        one != other
        for one, other in zip(followed.values(), comparable(installation, numbers).values(), strict=True)
    )
    sys.stdout.write(
        f"\n{engine}: {after:,} changes, {kills} kills, {len(numbers):,} numbers compared, {differing} differ"
    )
    assert differing == 0
    if server is not None:
        server.drop_database(url)
