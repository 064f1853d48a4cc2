"""A feed of 100,000 changes, its process killed 50 times, every file delivered twice: in the end as if loaded today.

Every second part comes as one file, every other as blocks in a table, followed by a process that is killed as well.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.installation import install
from tests.integration.feeding import SIGNER, comparable, feed, history, people, publish, take_in
from tests.integration.loading import COMMAND
from verifier.agreement import signkey
from verifier.feed.following import follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.installation import Installation
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
    sync = [*COMMAND, "--config", str(installation.config_path), "registry", "sync"]
    kills, after = 0, 0
    for number in range(1, _FILES + 1):
        changes = history(source, held, spare, _CHANGES)
        whole = feed(installation, after, *changes)
        in_blocks = number % 2 == 0
        table = f"{url or f'sqlite:///{installation.root}/registry.sqlite'}#feed_{number}"
        if in_blocks:
            for block in blocks(installation, source, after, changes):
                publish(installation, table, block)
        else:
            file.write_bytes(whole)
        after += _CHANGES
        while kills < _KILLS * number // _FILES:
            command = [*sync, table, "--follow"] if in_blocks else [*sync, str(file), "--json"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(source.uniform(0.5, 3.0))
            if process.poll() is None:
                kills += 1
            process.kill()
            process.wait()
        if in_blocks:
            take_in(installation, table)
        for again in range(2):
            summary = follow(installation.settings, file.name, whole)
            assert summary.position == after
            assert summary.known == _CHANGES or not (in_blocks or again)
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


def blocks(
    made: Installation, source: random.Random, after: int, changes: Sequence[dict[str, Any]]
) -> Iterator[bytes]:
    """Sign changes as blocks of all sizes."""
    start = 0
    while start < len(changes):
        size = source.choice((1, 7, 60, 900))
        yield feed(made, after + start, *changes[start : start + size])
        start += size
