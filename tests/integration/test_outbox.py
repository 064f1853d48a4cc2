"""The registry's changes from a table of signed blocks: once, in order, and named where they cannot be used."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.signing import Signer
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.installation import Installation, install
from tests.integration.feeding import (
    NEWCOMER,
    SIGNER,
    changed,
    comparable,
    details,
    feed,
    history,
    people,
    publish,
    take_in,
)
from tests.integration.loading import COMMAND
from tests.people import BUDI
from verifier.agreement import signkey
from verifier.feed import document
from verifier.feed.errors import (
    FeedFormatError,
    FeedGapError,
    FeedSignatureError,
    FeedSourceError,
    FeedSourceUnavailableError,
)
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.resident.table import MarkTable
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = Signer(bytes(32))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that trusts the registry's key."""
    return install(
        tmp_path_factory.mktemp("outbox"),
        agencies={},
        extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )


@pytest.fixture
def installation(made: Installation) -> Installation:
    """The same with a new epoch in use, which has followed nothing yet."""
    made.load([BUDI])
    return made


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Name a database of SQLite that the registry may make."""
    return tmp_path / "registry.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def table(request: pytest.FixtureRequest, registry: Path) -> str:
    """Name a table of blocks on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{registry}#feed"
    return f"{request.getfixturevalue('postgres_url')}#feed"


def write(registry: Path, statement: str, *values: object) -> None:
    """Change the table past every check."""
    with closing(sqlite3.connect(registry, isolation_level=None)) as connection:
        connection.execute(statement, values)


def test_blocks_are_taken_in_once_and_a_run_is_logged_once(installation: Installation, table: str) -> None:
    """Three blocks are one run with one pair of entries; published or read again they change nothing."""
    blocks = [
        feed(installation, after, changed(f"BUDI {name}"))
        for after, name in enumerate(("SATU", "DUA", "TIGA"))
    ]
    assert [publish(installation, table, block) for block in blocks] == [True, True, True]
    assert [publish(installation, table, block) for block in blocks] == [False, False, False]
    before = len(details(installation, EntryKind.FEED_OPENED))
    (summary,) = take_in(installation, table)
    assert (summary.begun, summary.position, summary.applied) == (0, 3, 3)
    (opened,) = details(installation, EntryKind.FEED_OPENED)[before:]
    (applied,) = details(installation, EntryKind.FEED_APPLIED)[before:]
    assert (opened["after"], opened["end"], opened["blocks"]) == ("0", "3", "3")
    assert opened["digest"] == applied["digest"]
    assert opened["file"].endswith("#feed")
    assert publish(installation, table, feed(installation, 3, as_of="2026-06-02T06:00:00Z"))
    assert [(each.position, each.applied) for each in take_in(installation, table)] == [(3, 0)]
    assert take_in(installation, table) == []
    with closing(open_vault(installation.settings.vault_database)) as vault:
        assert document.time_text(vault.pin().epoch.as_of_ms) == "2026-06-02T06:00:00Z"


def test_a_history_in_blocks_ends_as_a_fresh_load(installation: Installation, table: str) -> None:
    """Many changes in blocks of all sizes, taken in now and then: record by record as if loaded today."""
    source = random.Random(9)
    everyone = people(200)
    numbers = sorted(everyone)
    held, spare = {nik: everyone[nik] for nik in numbers[:120]}, numbers[120:]
    installation.load(held.values())
    after = 0
    with closing(Follower(installation.settings, open_source(table))) as follower:
        for number in range(16):
            count = source.choice((1, 2, 30))
            publish(installation, table, feed(installation, after, *history(source, held, spare, count)))
            after += count
            if number % 5 == 0:
                follower.step()
        while follower.step() is not None:
            pass
    followed = comparable(installation, numbers)
    installation.load(held.values())
    assert comparable(installation, numbers) == followed


def test_a_load_is_followed_from_the_oldest_block(installation: Installation, registry: Path) -> None:
    """What the registry has removed from the table must be in the load, and somebody must say so, of one load."""
    table = f"sqlite:///{registry}#feed"
    publish(installation, table, feed(installation, 90, changed("BUDI SATU")))
    with pytest.raises(FeedGapError, match="registry-1 was followed to 0 only"):
        take_in(installation, table)
    with closing(Follower(installation.settings, open_source(table), begin=True)) as follower:
        summary = follower.step()
        assert summary is not None
        assert (summary.begun, summary.position) == (90, 91)
        assert follower.step() is None
        installation.load([BUDI])
        with pytest.raises(FeedGapError):
            follower.step()
    with pytest.raises(FeedGapError, match="registry-1 was followed to 91 only"):
        publish(installation, table, feed(installation, 92, changed("BUDI DUA")))


def test_whom_a_killed_follower_erased_is_purged(installation: Installation, registry: Path) -> None:
    """A follower that ends between an erasure and the purge leaves the purge to the next one."""
    table = f"sqlite:///{registry}#feed"
    erased = {**NEWCOMER, "NIK": "3273010505209055"}
    changes = ({"change": "new", "row": erased}, {"change": "erased", "nik": erased["NIK"]})
    publish(installation, table, feed(installation, 0, *changes))

    def unpurged() -> int:
        with closing(installation.directory()) as directory:
            return len(MarkTable(directory).unpurged())

    before = unpurged()  # other stories erase too
    with closing(Follower(installation.settings, open_source(table))) as killed:
        assert killed.step() is not None
    assert unpurged() == before + 1
    assert take_in(installation, table) == []
    assert unpurged() == 0


@pytest.mark.parametrize("fault", ["stranger", "gap"])
def test_a_broken_block_stops_it(installation: Installation, registry: Path, fault: str) -> None:
    """What is before it is in, it is named, nothing of it is applied or logged; once it is mended all goes on."""
    table = f"sqlite:///{registry}#feed"
    publish(installation, table, feed(installation, 0, changed("BUDI SATU")))
    after, signer, error = {
        "stranger": (1, STRANGER, FeedSignatureError),
        "gap": (5, SIGNER, FeedGapError),
    }[fault]
    broken = feed(installation, after, changed("BUDI DUA"), signer=signer)
    before = len(details(installation, EntryKind.FEED_OPENED))
    row = ("registry-1", after + 1, "2026-06-02T05:00:00Z", broken.decode())
    write(registry, "INSERT INTO feed VALUES (?, ?, ?, ?)", *row)
    with closing(Follower(installation.settings, open_source(table))) as follower:
        summary = follower.step()
        assert summary is not None
        assert summary.position == 1
        for _ in range(2):
            with pytest.raises(error, match=rf"^feed, block of registry-1 to position {after + 1}: "):
                follower.step()
        assert len(details(installation, EntryKind.FEED_OPENED)) == before + 1
        write(registry, "DELETE FROM feed WHERE end_position = ?", after + 1)
        publish(installation, table, feed(installation, 1, changed("BUDI DUA")))
        summary = follower.step()
        assert summary is not None
        assert (summary.begun, summary.position, summary.applied) == (1, 2, 1)


def test_a_row_says_what_its_block_says(installation: Installation, registry: Path) -> None:
    """The columns beside a block are not signed; where they do not fit it, the row is refused."""
    table = f"sqlite:///{registry}#feed"
    publish(installation, table, feed(installation, 0, changed("BUDI SATU")))
    write(registry, "UPDATE feed SET end_position = 9")
    with pytest.raises(FeedFormatError, match="what stands beside the block"):
        take_in(installation, table)


def test_each_source_has_its_turn(installation: Installation, table: str) -> None:
    """However often one of them publishes, another one's changes are not left behind."""
    other = {**NEWCOMER, "NAMA_LGKP": "WAYAN LAIN"}
    publish(installation, table, feed(installation, 0, changed("BUDI NOL"), source="aceh"))
    publish(installation, table, feed(installation, 0, {"change": "new", "row": other}, source="bali"))
    told = []
    with closing(Follower(installation.settings, open_source(table))) as follower:
        for number in range(1, 4):
            summary = follower.step()
            assert summary is not None
            told.append(summary.source)
            publish(installation, table, feed(installation, number, changed(f"BUDI {number}"), source="aceh"))
    assert told == ["aceh", "bali", "aceh"]


def test_what_is_no_table_of_blocks_is_refused(
    installation: Installation, registry: Path, postgres_url: str
) -> None:
    """No table, another table, no file, no name: each is said, and no file is made of a wrong path."""
    with pytest.raises(FeedSourceError, match="cannot be opened"):
        take_in(installation, f"sqlite:///{registry}#feed")
    assert not registry.exists()
    with pytest.raises(FeedSourceError, match="name the table"):
        open_source(f"sqlite:///{registry}")
    with pytest.raises(FeedSourceError, match="cannot be used"):
        open_source("oracle9://somewhere#feed")
    with pytest.raises(FeedSourceUnavailableError, match="the database server is away"):
        take_in(installation, "postgresql://nobody@127.0.0.1:9/nowhere#feed")
    with pytest.raises(FeedSourceError, match="no table feed"):
        take_in(installation, f"{postgres_url}#feed")
    write(registry, "CREATE TABLE feed (source text, block text)")
    with pytest.raises(FeedSourceError, match="lacks as_of, end_position"):
        take_in(installation, f"sqlite:///{registry}#feed")
    with pytest.raises(FeedSourceError, match="lacks as_of, end_position"):
        publish(installation, f"sqlite:///{registry}#feed", feed(installation, 0, changed("BUDI")))


def test_another_block_to_a_position_is_refused(installation: Installation, registry: Path) -> None:
    """What was published stands: a second block of the same position and time has no place."""
    table = f"sqlite:///{registry}#feed"
    publish(installation, table, feed(installation, 0, changed("BUDI SATU")))
    with pytest.raises(FeedSourceError, match="another block to the same position"):
        publish(installation, table, feed(installation, 0, changed("BUDI DUA")))


def test_the_command_line_publishes_and_takes_in(
    installation: Installation, registry: Path, tmp_path: Path
) -> None:
    """The registry publishes signed files, the operator takes them in; what is wrong is told with a next step."""

    def run(*words: object, code: int = 0) -> str:
        done = subprocess.run(
            [*COMMAND, "--config", str(installation.config_path), *map(str, words)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    table = f"sqlite:///{registry}#feed"
    files = [tmp_path / f"{number}.feed" for number in range(2)]
    for number, file in enumerate(files):
        file.write_bytes(feed(installation, number, {"change": "new", "row": NEWCOMER}))
    published = run("feed", "publish", *files, files[0], "--to", table, "--create", "--json").splitlines()
    assert [json.loads(line)["published"] for line in published] == [True, True, False]
    assert "2 applied" in run("registry", "sync", table)
    told = run("registry", "sync", files[0], "--follow", code=int(ExitCode.INPUT))
    assert "a file cannot be followed" in told
