"""Attacks 13 and 15 on the published tree: leaders that die at every step, disks that fail, and tampering."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from padan.tlog.frontier import Frontier
from tests.tree import MANDATE, open_site
from verifier import migrations
from verifier.tree.check import check_tree
from verifier.tree.errors import TreeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tree import Site

pytestmark = pytest.mark.attack

ROOT = Path(__file__).parents[2]


class Observer:
    """An auditor who looks after each blow: a size has one root for ever, and nothing goes back."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tree = Frontier()
        self._roots = {0: self._tree.root}
        self.size = 0

    def look(self) -> None:
        """Hold what is published against the log's leaves and against everything that was published before."""
        if self._site.folder.checkpoint() is None:
            assert self.size == 0
            return
        stated = self._site.stated()
        assert stated.size >= self.size
        for leaf in self._site.log.leaves(self._tree.size, stated.size - self._tree.size):
            self._tree = self._tree.extend((leaf,))
            self._roots[self._tree.size] = self._tree.root
        assert stated.root == self._roots[stated.size]
        self.size = stated.size


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[str]]:
    """A process that forks leaders."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.attack.sequencing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def order(leader: subprocess.Popen[str], **fields: Any) -> int:
    """Have one leader lead; how it ended."""
    assert leader.stdin is not None
    assert leader.stdout is not None
    leader.stdin.write(json.dumps(fields) + "\n")
    leader.stdin.flush()
    return int(leader.stdout.readline())


def beat(
    leader: subprocess.Popen[str], database: str, folder: Path, orders: list[dict[str, Any]]
) -> tuple[int, int]:
    """Give each order, look after each; how many leaders were killed, and how many leaves are published."""
    killed = 0
    with open_site(database, folder) as site:
        observer = Observer(site)
        for each in orders:
            ended = order(leader, database=database, folder=str(folder), **each)
            assert ended in {0, -signal.SIGKILL}
            killed += ended != 0
            observer.look()
        while site.log.head().sequence > observer.size:
            assert site.sequencer().turn(MANDATE)
            observer.look()
        check_tree(site.head.read(), folder=site.folder, signer=site.signer, log=site.log)
        return killed, observer.size


def test_a_leader_may_die_at_each_step(leader: subprocess.Popen[str], tmp_path: Path) -> None:
    """Killed before or behind each write, or with a write that failed and was or was not stored: one root a size."""
    database = str(tmp_path / "log.sqlite")
    migrations.upgrade(database, migrations.Tree.LOG)
    orders = [{"kind": "kill", "at": at, "counts": [1, 3]} for at in range(1, 52, 2)]
    orders += [{"kind": "kill", "at": at, "counts": [300, 270], "young": True} for at in range(1, 52, 3)]
    orders += [{"kind": "fail", "at": at, "counts": [2, 126]} for at in range(2, 48, 6)]
    killed, size = beat(leader, database, tmp_path, orders)
    assert killed > 30
    print(
        f"attack 13: {killed} kills and {len(orders) - killed} failed writes, {size} leaves, one root for each size"
    )


@pytest.mark.long
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_five_hundred_leaders_may_die(
    leader: subprocess.Popen[str], engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """At random steps, with random numbers of entries over the ends of tiles, on both engines."""
    database = str(tmp_path / "log.sqlite")
    if engine == "postgresql":
        database = str(request.getfixturevalue("postgres_url"))
    migrations.upgrade(database, migrations.Tree.LOG)
    dice = random.Random(13)
    orders = [
        {
            "kind": dice.choice(["kill", "kill", "kill", "fail"]),
            "at": dice.randrange(1, 60),
            "counts": [dice.choice([1, 2, 40, 255, 256, 300]) for _ in range(2)],
            "young": dice.choice([False, True]),
        }
        for _ in range(700)
    ]
    killed, size = beat(leader, database, tmp_path, orders)
    assert killed >= 400
    print(f"attack 13, {engine}: {killed} kills, {size} leaves, one root for each size")


class Tamperer:
    """Changes one thing of a published tree or of its log, at random, and puts it back."""

    def __init__(self, site: Site, database: Path, folder: Path, dice: random.Random) -> None:
        self._site = site
        self._database = database
        self._folder = folder
        self._dice = dice
        self._size = site.stated().size
        edge = f".p/{self._size % 256}"
        names = [*site.folder.names(), "checkpoint"]
        self._files = sorted(names)
        self._needed = sorted(name for name in names if ".p/" not in name or name.endswith(edge))
        self.kinds: dict[str, Callable[[], None]] = {
            "flip a bit of a file": self._flip,
            "cut a file off": self._cut,
            "add to a file": self._extend,
            "remove a file": self._remove,
            "swap two files": self._swap,
            "restore an older folder": self._older,
            "edit an entry": self._edit,
            "edit a leaf": self._leaf,
            "drop an entry": self._drop,
            "swap two entries": self._swap_entries,
            "sign another root": self._sign,
        }

    def tamper(self) -> str:
        """Change one thing; what."""
        kind = self._dice.choice(list(self.kinds))
        self.kinds[kind]()
        return kind

    def _path(self, names: list[str]) -> Path:
        return self._site.folder.path / self._dice.choice(names)

    def _flip(self) -> None:
        path = self._path(self._files)
        data = bytearray(path.read_bytes())
        data[self._dice.randrange(len(data))] ^= 1 << self._dice.randrange(8)
        path.write_bytes(data)

    def _cut(self) -> None:
        path = self._path(self._files)
        os.truncate(path, self._dice.randrange(path.stat().st_size))

    def _extend(self) -> None:
        path = self._path(self._files)
        path.write_bytes(path.read_bytes() + self._dice.randbytes(self._dice.randrange(1, 66)))

    def _remove(self) -> None:
        self._path(self._needed).unlink()

    def _swap(self) -> None:
        first = second = self._path(self._files)
        while second.read_bytes() == first.read_bytes():
            second = self._path(self._files)
        one, other = first.read_bytes(), second.read_bytes()
        first.write_bytes(other)
        second.write_bytes(one)

    def _older(self) -> None:
        shutil.rmtree(self._site.folder.path)
        shutil.copytree(self._folder / "yesterday", self._site.folder.path)

    def _run(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(self._database)) as connection:
            for text, values in statements:
                assert connection.execute(text, values).rowcount
            connection.commit()

    def _place(self) -> int:
        return self._dice.randrange(1, self._size + 1)

    def _edit(self) -> None:
        statement = self._dice.choice(
            ["UPDATE entry SET entry = ? WHERE sequence = ?", "UPDATE entry SET salt = ? WHERE sequence = ?"]
        )
        self._run((statement, (self._dice.randbytes(32), self._place())))

    def _leaf(self) -> None:
        new = b"\x01" + self._dice.randbytes(32)
        self._run(
            ("UPDATE entry SET leaf = ?, entry = x'', salt = x'' WHERE sequence = ?", (new, self._place()))
        )

    def _drop(self) -> None:
        self._run(("DELETE FROM entry WHERE sequence = ?", (self._place(),)))

    def _swap_entries(self) -> None:
        first, second = self._dice.sample(range(1, self._size + 1), 2)
        move = "UPDATE entry SET sequence = ? WHERE sequence = ?"
        self._run((move, (-1, first)), (move, (first, second)), (move, (second, -1)))

    def _sign(self) -> None:
        text = self._site.signer.text(self._dice.randrange(1, self._size + 1), self._dice.randbytes(32))
        lines = "".join(map(str, self._site.signer.sign(text)))
        (self._site.folder.path / "checkpoint").write_text(f"{text}\n{lines}")


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.long)])
def test_every_tampering_is_flagged(count: int, tmp_path: Path) -> None:
    """Dropped, swapped, edited, re-signed, restored from yesterday: the check finds each, and names a place."""
    database = tmp_path / "log.sqlite"
    migrations.upgrade(str(database), migrations.Tree.LOG)
    with open_site(str(database), tmp_path) as site:
        for size in (5, 250, 40):
            site.publish(size)
        shutil.copytree(site.folder.path, tmp_path / "yesterday")
        site.publish(251)
        shutil.copytree(site.folder.path, tmp_path / "whole")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    shutil.copy(database, tmp_path / "log.whole")
    dice = random.Random(15)
    seen: dict[str, int] = {}
    with open_site(str(database), tmp_path) as site:
        tamperer = Tamperer(site, database, tmp_path, dice)
        check_tree(site.head.read(), folder=site.folder, signer=site.signer, log=site.log)
    for _ in range(count):
        with open_site(str(database), tmp_path) as site:
            kind = tamperer.tamper()
            with pytest.raises(TreeError) as caught:
                check_tree(site.head.read(), folder=site.folder, signer=site.signer, log=site.log)
            assert str(caught.value)
        seen[kind] = seen.get(kind, 0) + 1
        shutil.rmtree(tmp_path / "tree")
        shutil.copytree(tmp_path / "whole", tmp_path / "tree")
        for name in ("log.sqlite-wal", "log.sqlite-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / "log.whole", database)
    print(f"attack 15: {count} mutations, all flagged: {seen}")
