"""The head apart from the log: its format, its moves, and what it refuses, on both engines."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from keys.realm import Realm
from padan.tlog.frontier import Frontier
from tests.unit.verifier.log.rows import entry
from verifier import headfile, schema
from verifier.chain import Chain, extend, start
from verifier.directory import Directory
from verifier.headfile import (
    WINDOW,
    Extent,
    Head,
    HeadConflictError,
    HeadFile,
    HeadFormatError,
    HeadStoreError,
)
from verifier.headkeeper import HeadKeeper, RolledBackError
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.log.store import LogStore

VECTORS = Path(__file__).parents[2] / "vectors"
REALM = Realm(registry_id="registry", environment="production")
GOLDEN: list[dict[str, Any]] = json.loads((VECTORS / "head.json").read_text())["vectors"]


@dataclass(slots=True, kw_only=True)
class Place:
    """A log, its directory, and a head apart."""

    log: LogStore
    directory: Directory
    file: HeadFile

    def keeper(self, keyring: int = 3) -> HeadKeeper:
        """Make a process's keeper."""
        return HeadKeeper(
            file=self.file, log=self.log, directory=self.directory, realm=REALM, keyring=keyring
        )

    def write(self, first: int, count: int) -> None:
        """Append entries."""
        with self.log.transaction() as transaction:
            transaction.write({}, 0, [entry(number) for number in range(first, first + count)], [])


@pytest.fixture
def place(log_database: str, tmp_path: Path) -> Iterator[Place]:
    """A new log on each engine."""
    with closing(open_log(log_database)) as log, closing(Directory(log_database)) as directory:
        yield Place(log=log, directory=directory, file=HeadFile(tmp_path / "apart.json", REALM))


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["registry_id"])
def test_chains_trees_and_files_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    """The chain and the tree at each count, and the files, are as the independent generator wrote them."""
    import hashlib

    realm = Realm(registry_id=vector["registry_id"], environment=vector["environment"])
    for count, link in vector["chains"].items():
        leaves = [b"\x01" + hashlib.sha256(b"leaf %d" % n).digest() for n in range(1, int(count) + 1)]
        assert extend(start(realm), leaves) == Chain(int(count), bytes.fromhex(link))
        assert Frontier().extend(leaves).root.hex() == vector["roots"][count]
    head = headfile.decode(realm, json.dumps(vector["file"]).encode())
    assert (head.tree.size, head.keyring, len(head.checkpoints)) == (5000, 17, 1)
    assert head.published == Extent(4096, bytes.fromhex(vector["roots"]["4096"]))
    assert json.loads(headfile.encode(realm, head)) == vector["file"]
    before = headfile.decode(realm, json.dumps(vector["file_before"]).encode())
    assert (before.extent, before.keyring) == (Extent(5000, bytes.fromhex(vector["chains"]["5000"])), 17)


def test_the_vectors_are_what_the_generator_writes(tmp_path: Path) -> None:
    """The file in the tree is the generator's."""
    target = tmp_path / "head.json"
    subprocess.run([sys.executable, VECTORS / "head_generate.py", target], check=True)
    assert target.read_bytes() == (VECTORS / "head.json").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 3}, "format"),
        ({"format": 1}, "malformed"),
        ({"registry_id": "other"}, "another registry"),
        ({"environment": "staging"}, "another registry"),
        ({"entries": -1}, "malformed"),
        ({"entries": True}, "malformed"),
        ({"entries": 4095}, "malformed"),
        ({"root": "00" * 32}, "malformed"),
        ({"peaks": []}, "malformed"),
        ({"peaks": ["00" * 31] * 5}, "malformed"),
        ({"published": {"entries": 1}}, "malformed"),
        ({"keyring": None}, "malformed"),
        ({"checkpoints": [{"entries": 1, "peaks": ["00" * 32]}] * 2}, "malformed"),
        ({"more": 1}, "malformed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_file_that_is_no_head_is_refused(change: dict[str, Any], message: str) -> None:
    """A later format, another registry and a changed file each have their own error."""
    with pytest.raises(HeadFormatError, match=message):
        headfile.decode(REALM, json.dumps({**GOLDEN[0]["file"], **change}).encode())


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    """A file that was cut off is named, and taken for no head at all."""
    path = tmp_path / "head.json"
    path.write_text(json.dumps(GOLDEN[0]["file"])[:50])
    with pytest.raises(HeadFormatError, match=r"head\.json: the head is malformed"):
        HeadFile(path, REALM).read()


def test_a_head_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is not there is told with the file's name."""
    head = Head(tree=Frontier(), keyring=0)
    with pytest.raises(HeadStoreError, match="nowhere"):
        HeadFile(tmp_path / "nowhere" / "head.json", REALM).swap(None, head)


def test_nobody_moves_the_head_back(tmp_path: Path) -> None:
    """Of many who swap what they read at the same time, each success builds on the one before."""
    file = HeadFile(tmp_path / "head.json", REALM)
    moved: list[int] = []

    def move() -> None:
        for _ in range(50):
            before = file.read()
            tree = (before.tree if before else Frontier()).extend([bytes(33)])
            try:
                file.swap(before, Head(tree=tree, keyring=0))
            except HeadConflictError:
                continue
            moved.append(tree.size)

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved) == list(range(1, len(moved) + 1))
    head = file.read()
    assert head is not None
    assert head.tree.size == len(moved)
    with pytest.raises(HeadConflictError):
        file.swap(None, Head(tree=Frontier(), keyring=0))


def test_a_log_that_goes_on_is_accepted(place: Place) -> None:
    """A head of any earlier moment fits the log, also over the ends of windows; it is mode 0600."""
    keeper = place.keeper()
    keeper.check()
    assert keeper.advance()
    for count in (1, 10, WINDOW, 1, 2 * WINDOW):
        place.write(place.log.head().sequence, count)
        place.keeper().check()
        assert keeper.advance()
        place.keeper().check()
    head = place.file.read()
    assert head is not None
    assert head.tree == keeper.tree_at(place.log.head().sequence)
    assert [tree.size for tree in head.checkpoints] == [2 * WINDOW, 3 * WINDOW]
    assert place.file.path.stat().st_mode & 0o777 == 0o600


def test_a_shorter_log_is_refused(place: Place) -> None:
    """A log that lacks entries is refused with their number, and the head does not move back."""
    place.write(0, 5)
    place.keeper().finish()
    seen = place.file.read()
    with place.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence > 3")
    with pytest.raises(RolledBackError, match=r"3 entries, but .* has seen 5: 2 are missing"):
        place.keeper().check()
    place.keeper().finish()
    assert place.file.read() == seen


def test_another_log_of_the_same_length_is_refused(place: Place) -> None:
    """A log that was put back and went on by itself is as long, and is told by its tree."""
    place.write(0, 5)
    place.keeper().finish()
    with place.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence > 3")
    place.write(100, 4)
    with pytest.raises(RolledBackError, match="other entries"):
        place.keeper().check()


def test_a_gap_is_refused(place: Place) -> None:
    """An entry that is missing in the middle is told by its place."""
    place.write(0, 5)
    place.keeper().finish()
    with place.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence = 2")
    with pytest.raises(RolledBackError, match="entry 2 is missing"):
        place.keeper().check()


def test_a_change_in_the_last_window_is_refused(place: Place) -> None:
    """Also right behind a window's end, where the newest checkpoint is the head itself."""
    place.write(0, 2 * WINDOW)
    place.keeper().finish()
    with place.directory.writing() as connection:
        connection.execute(
            update(schema.entry).where(schema.entry.c.sequence == 2 * WINDOW).values(leaf=bytes(33))
        )
    with pytest.raises(RolledBackError, match="other entries"):
        place.keeper().check()


def test_an_older_keyring_is_refused(place: Place) -> None:
    """The keyring's counter may grow and never fall."""
    place.keeper(3).finish()
    place.keeper(4).check()
    place.keeper(4).finish()
    with pytest.raises(RolledBackError, match=r"counter 3, but .* has seen 4"):
        place.keeper(3).check()


def test_a_changed_keyring_is_seen_while_another_moves_the_head(place: Place) -> None:
    """Its counter is noted at the next turn, alone, also where the head has been moved on before each one."""
    keeper, sequencer = place.keeper(3), place.keeper(3)
    assert keeper.advance()
    for counter in (3, 4, 4, 5):
        place.write(place.log.head().sequence, 2)
        sequencer.advance()
        moved = place.file.read()
        assert moved is not None
        moved = replace(moved, published=moved.extent)
        place.file.swap(place.file.read(), moved)
        keeper.see_keyring(counter)
        keeper.advance()
        assert place.file.read() == replace(moved, keyring=counter)
    with pytest.raises(RolledBackError, match=r"counter 4, but .* has seen 5"):
        place.keeper(4).check()


class Overtaken(HeadFile):
    """A head that, once, another process moves on between this one's reading and writing."""

    is_due = False

    def swap(self, before: Head | None, after: Head) -> None:
        """Come second."""
        if self.is_due and before is not None:
            self.is_due = False
            super().swap(before, replace(before, published=before.extent))
        super().swap(before, after)


def test_a_keyring_is_seen_at_the_next_turn_where_another_was_first(place: Place) -> None:
    """What the other one wrote stays, and the counter is noted a turn later."""
    place.file = file = Overtaken(place.file.path, REALM)
    keeper = place.keeper(3)
    assert keeper.advance()
    keeper.see_keyring(4)
    for due, seen in ((True, 3), (False, 4)):
        place.write(place.log.head().sequence, 1)
        place.keeper(3).finish()
        file.is_due = due
        keeper.advance()
        head = file.read()
        assert head is not None
        assert (head.keyring, head.published is not None, file.is_due) == (seen, True, False)


def test_a_keyring_that_is_older_than_the_log_knows_is_refused(place: Place) -> None:
    """Also where no head has seen the newer one, and where there is no head yet."""
    place.directory.set_setting("keyring.counter", "4")
    for _ in range(2):
        place.keeper(4).check()
        with pytest.raises(RolledBackError, match="counter 3, but the log has seen 4"):
            place.keeper(3).check()
        place.keeper(3).finish()


def test_a_head_that_is_gone_is_refused(place: Place) -> None:
    """Once there was a head, its absence is no fresh start."""
    place.keeper().finish()
    place.file.path.unlink()
    with pytest.raises(RolledBackError, match="the head is gone"):
        place.keeper().check()


def chain_head(place: Place, entries: int) -> bytes:
    """Write the head that the release before would have written."""
    chain = extend(start(REALM), place.log.leaves(0, entries))
    document = {
        "format": 1,
        "registry_id": REALM.registry_id,
        "environment": REALM.environment,
        "entries": entries,
        "chain": chain.hash.hex(),
        "checkpoints": [],
        "keyring": 3,
    }
    return json.dumps(document).encode()


def test_a_head_of_the_release_before_is_checked_and_replaced(place: Place) -> None:
    """Its chain is held against the log, and a head of today's format takes its place."""
    place.write(0, 7)
    place.file.path.write_bytes(chain_head(place, 5))
    place.keeper().check()
    place.keeper().finish()
    head = place.file.read()
    assert head is not None
    assert (head.before, head.tree.size, head.keyring) == (None, 7, 3)
    assert head.tree == place.keeper().tree_at(7)


def test_a_head_of_the_release_before_refuses_another_log(place: Place) -> None:
    """A log that is shorter or another one does not pass by the format's age."""
    place.write(0, 7)
    head = chain_head(place, 7)
    place.file.path.write_bytes(head)
    with place.directory.writing() as connection:
        connection.execute(update(schema.entry).where(schema.entry.c.sequence == 3).values(leaf=bytes(33)))
    with pytest.raises(RolledBackError, match="other entries"):
        place.keeper().check()
    with place.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence > 6")
    with pytest.raises(RolledBackError, match="1 are missing"):
        place.keeper().check()
    assert place.file.path.read_bytes() == head
