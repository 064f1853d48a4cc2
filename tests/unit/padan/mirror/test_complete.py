"""`verify --complete`: every leaf of the tree has its entry, or the copy is not complete and says where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from padan.audit import cli
from padan.audit.mirror import granting
from padan.errors import UnavailableError
from tests.copies import Auditor, many
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from pathlib import Path

    from padan.v1 import audit_pb2
    from tests.simulator.terminal import Ended


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """An auditor of a log of 300 entries; nothing is copied yet."""
    return Auditor.begin(tmp_path, many(300))


def verify(auditor: Auditor, *more: str) -> Ended:
    """Verify as whoever is shown everything."""
    words = ("verify", str(auditor.copy.folder), "--policy", str(auditor.policy_file), "--complete")
    return run(cli.main, *words, *more)


def refuse_unfetched(ended: Ended, through: int, size: int) -> None:
    """Require that the end of what was fetched is named, and the next step."""
    said = f"private entries were fetched up to {through} only, and the tree has {size} leaves"
    assert (ended.code, said in ended.err) == (3, True), ended.out + ended.err
    assert "next:  fetch the rest with `padan-audit mirror --entries`" in ended.err


def test_an_entry_that_is_not_shown(auditor: Auditor) -> None:
    """Who may see everything asks for everything: an entry that is not shown is missing, and its place is named."""
    auditor.mirror()
    assert verify(auditor).code == 0
    auditor.copy.database.unlink()
    auditor.shown = lambda place: place not in {8, 90}
    auditor.fetch()
    ended = verify(auditor)
    assert ended.code == 1
    assert "2 entries stand in the signed tree, and not in what was shown; the first is entry 8" in ended.err


def test_without_entries_nothing_is_complete(auditor: Auditor) -> None:
    """A copy of the tree alone is not complete, and says how entries are fetched."""
    auditor.mirror(entries=False)
    ended = verify(auditor)
    assert (ended.code, "the copy holds no private entries" in ended.err) == (3, True)


def test_an_interrupted_fetch_is_not_complete(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the service went away between two commits, what is held is without a gap, and yet not all."""
    monkeypatch.setattr(granting, "PAGE", 100)
    monkeypatch.setattr(granting, "COMMIT", 1)

    def away(item: audit_pb2.LogEntry) -> audit_pb2.LogEntry:
        if item.sequence > 200:
            raise UnavailableError("away")
        return item

    auditor.send = away
    with pytest.raises(UnavailableError):
        auditor.mirror()
    refuse_unfetched(verify(auditor), 200, 300)
    auditor.send = lambda item: item
    auditor.mirror()
    assert verify(auditor).code == 0


def test_a_tree_that_grew_alone_is_not_complete(auditor: Auditor) -> None:
    """A later run without `--entries` leaves the entries behind the tree."""
    auditor.mirror()
    auditor.add(many(20, seed=2))
    auditor.mirror(entries=False)
    refuse_unfetched(verify(auditor), 300, 320)
    auditor.fetch()
    assert verify(auditor).code == 0


@pytest.mark.parametrize("through", [0, 7])
def test_what_the_copy_says_of_itself_is_not_its_end(auditor: Auditor, through: int) -> None:
    """Against a bare checkpoint, rows that were deleted are missed although the database no longer speaks of them."""
    auditor.mirror()
    bare = auditor.root / "bare"
    bare.write_bytes(auditor.copy.require_checkpoint())
    with duckdb.connect(str(auditor.copy.database)) as connection:
        connection.execute("DELETE FROM entry WHERE sequence > ?", [through])
        connection.execute("UPDATE state SET value = ? WHERE name = 'through'", [str(through)])
    refuse_unfetched(verify(auditor, "--trusted", str(bare)), through, 300)


def test_an_end_beyond_the_tree_is_damage(auditor: Auditor) -> None:
    """Entries are never fetched beyond the tree, so that database or tree are not what they were."""
    auditor.mirror()
    bare = auditor.root / "bare"
    bare.write_bytes(auditor.copy.require_checkpoint())
    with duckdb.connect(str(auditor.copy.database)) as connection:
        connection.execute("UPDATE state SET value = '301' WHERE name = 'through'")
    ended = verify(auditor, "--trusted", str(bare))
    assert (ended.code, "speaks of place 301, and the signed tree ends at 300" in ended.err) == (1, True)


@pytest.mark.parametrize("through", ["x", "-1", "\u0663", "9" * 5_000])
def test_an_end_that_is_no_place_is_damage(auditor: Auditor, through: str) -> None:
    """Whatever stands in the database for the end of what was fetched is a place of the log, or is refused."""
    auditor.mirror()
    with duckdb.connect(str(auditor.copy.database)) as connection:
        connection.execute("UPDATE state SET value = ? WHERE name = 'through'", [through])
    ended = verify(auditor)
    assert (ended.code, "up to which place they were fetched" in ended.err) == (1, True), ended.err
