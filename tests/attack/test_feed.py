"""A feed of 100,000 changes, its process killed 50 times, every file delivered twice: in the end as if loaded today.

Every second part comes as one file, every other as blocks in a table, followed by a process that is killed as well. The
same changes shuffled across people, into another installation under the same keys, end the same. A short form of it,
with some hundred changes, is in every run.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.installation import install
from tests.integration.feeding import (
    SIGNED,
    checked,
    comparable,
    feed,
    history,
    people,
    publish,
    shuffled,
    take_in,
    twin,
)
from tests.integration.loading import COMMAND
from verifier.feed import document
from verifier.feed.following import follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.installation import Installation
    from tests.postgres import PostgresServer

pytestmark = pytest.mark.attack


class Size(NamedTuple):
    """How much there is of everything, and between which times a process is killed."""

    people: int
    held: int
    files: int
    changes: int
    kills: int
    killed_after: tuple[float, float]


LONG = Size(12_000, 8_000, 10, 10_000, 50, (0.5, 3.0))
SHORT = Size(400, 250, 2, 250, 3, (0.2, 1.5))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"])
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killed_delivered_twice_and_shuffled_it_ends_as_a_fresh_load(
    engine: str, size: Size, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Real processes, killed without warning, at any moment of their work; record by record through the keys."""
    urls, folder = ["", ""], tmp_path_factory.mktemp("feed")
    with ExitStack() as stack:
        if engine == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            urls = [server.make_database() for _ in urls]
            for url in urls:
                stack.callback(server.drop_database, url)
        first = install(
            folder / "first", agencies={}, people=(), log_url=urls[0], vault_url=urls[0], extra=SIGNED
        )
        second = twin(first, folder / "second", urls[1])
        source, everyone, also = random.Random(8), people(size.people), dict[str, list[str]]()
        numbers = sorted(everyone)
        held, spare = {nik: everyone[nik] for nik in numbers[: size.held]}, numbers[size.held :]
        for made in (first, second):
            made.load(held.values())
        changes = history(source, held, spare, size.files * size.changes, also)
        assert {change["change"] for change in changes} == document.CHANGES
        kills = deliver(first, source, changes, size)
        kills += deliver(second, source, shuffled(source, changes), size._replace(kills=size.kills // 3))
        for made in (first, second):
            report = checked(made, held)
            assert report.is_clean
            assert report.people.agrees == len(held)
        ends = [comparable(made, numbers) for made in (first, second)]
        first.load(held.values(), also=also)
        wanted = comparable(first, numbers)
    differing = sum(end[nik] != wanted[nik] for end in ends for nik in numbers)
    sys.stdout.write(
        f"\n{engine}: {len(changes):,} changes, in order and shuffled, {kills} kills,"
        f" {len(numbers):,} numbers compared, {differing} differ"
    )
    assert differing == 0


def deliver(made: Installation, source: random.Random, changes: Sequence[dict[str, Any]], size: Size) -> int:
    """Deliver changes twice, to processes that are killed and others that are not; says how many were killed."""
    file = made.root / "changes.feed"
    sync = [*COMMAND, "--config", str(made.config_path), "registry", "sync"]
    kills = 0
    for number in range(1, size.files + 1):
        after = (number - 1) * size.changes
        part = changes[after : after + size.changes]
        whole = feed(made, after, *part)
        in_blocks = number % 2 == 0
        table = f"{made.settings.log_url or f'sqlite:///{made.root}/registry.sqlite'}#feed_{number}"
        if in_blocks:
            for block in blocks(made, source, after, part):
                publish(made, table, block)
        else:
            file.write_bytes(whole)
        while kills < size.kills * number // size.files:
            command = [*sync, table, "--follow"] if in_blocks else [*sync, str(file), "--json"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(source.uniform(*size.killed_after))
            if process.poll() is None:
                kills += 1
            process.kill()
            process.wait()
        if in_blocks:
            take_in(made, table)
        for again in range(2):
            summary = follow(made.settings, file.name, whole)
            assert summary.position == after + len(part)
            assert summary.known == len(part) or not (in_blocks or again)
    return kills


def blocks(
    made: Installation, source: random.Random, after: int, changes: Sequence[dict[str, Any]]
) -> Iterator[bytes]:
    """Sign changes as blocks of all sizes."""
    start = 0
    while start < len(changes):
        size = source.choice((1, 7, 60, 900))
        yield feed(made, after + start, *changes[start : start + size])
        start += size
