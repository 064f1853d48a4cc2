"""Attack 13: the power fails again and again under the running service, and under the database that it writes to.

After each cut the machine starts on a disk that such a cut may leave (tests/attack/powercut.py), with the log, the head
and the published tree on it. What was acknowledged is in the log, once; what was published stays true.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from padan.entry import EntryKind, Field, decode, leaf
from padan.tlog import checkpoint, note
from padan.tlog.frontier import Frontier
from padan.v1 import verification_pb2_grpc
from tests.attack.powercut import PowerCut
from tests.chaos.drill import kill_all
from tests.installation import install
from tests.postgres import PostgresServer
from tests.service import request, running, wait_until_ready
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.v1 import verification_pb2
    from tests.installation import Installation
    from tests.service import RunningService

pytestmark = pytest.mark.attack
CALLERS = 4
START_SECONDS = 60.0


class World:
    """What agencies and whoever reads the published tree have seen of the service, over every cut."""

    def __init__(self, made: Installation) -> None:
        self._made = made
        self.acknowledged: list[verification_pb2.VerifyRequest] = []
        self.unanswered: list[verification_pb2.VerifyRequest] = []
        self._published: dict[int, bytes] = {}
        self._tree = Frontier()
        self._roots = {0: self._tree.root}

    def use(self, service: RunningService, seconds: float) -> None:
        """Ask from several threads, and read what is published, until the power fails."""
        stopping = threading.Event()
        callers = [threading.Thread(target=self._ask, args=(service, stopping)) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._read_checkpoint()
            time.sleep(0.01)
        kill_all(service.pid)
        stopping.set()
        self._read_checkpoint()
        for caller in callers:
            caller.join(30)

    def require_truth(self) -> None:
        """What was acknowledged is logged once, entries fit their leaves, and what was published holds."""
        self._tree = (
            Frontier()
        )  # anew: entries that nobody was told of may be gone, and others in their place
        self._roots = {0: self._tree.root}
        seen: Counter[bytes] = Counter()
        with self._looked_at() as database, closing(open_log(database)) as log:
            place = 0
            leaves = []
            while rows := log.entries(place, 2_000):
                for row in rows:
                    place += 1
                    assert row.sequence == place
                    assert leaf(row.salt, row.entry) == row.leaf
                    leaves.append(row.leaf)
                    if row.kind == EntryKind.VERIFY:
                        seen[decode(row.entry).fields[Field.REQUEST_ID]] += 1
        assert not [count for count in seen.values() if count != 1], "a request has two verdicts"
        missing = [message for message in self.acknowledged if _id(message) not in seen]
        assert not missing, f"{len(missing)} acknowledged requests are not in the log"
        for added in leaves[self._tree.size :]:
            self._tree = self._tree.extend((added,))
            self._roots[self._tree.size] = self._tree.root
        assert all(self._roots.get(size) == root for size, root in self._published.items())

    @contextlib.contextmanager
    def _looked_at(self) -> Iterator[str]:
        """Give the log's database; of SQLite's a copy, so that the service itself finds what the cut has left.

        Whoever closes a SQLite file last moves its write-ahead log into it and syncs both, here unseen by the shim.
        """
        database = self._made.settings.log_database
        if database.startswith("postgres"):
            yield database
            return
        path = Path(database)
        with tempfile.TemporaryDirectory() as folder:
            for each in filter(Path.is_file, path.parent.glob(f"{path.name}*")):
                shutil.copy(each, folder)
            yield str(Path(folder) / path.name)

    def require_published(self, service: RunningService) -> None:
        """Wait until the tree holds every entry, and read all of it."""
        with closing(open_log(self._made.settings.log_database)) as log:
            size, until = log.head().sequence, time.monotonic() + START_SECONDS
            while max(self._published, default=0) < size:
                self._read_checkpoint()
                assert time.monotonic() < until, (
                    f"the tree is not published again: {service.messages()[-1000:]}"
                )
                time.sleep(0.05)
        done = subprocess.run(
            [sys.executable, "-m", "verifier.cli.server", "--config", self._made.config_path, "log", "check"],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def ask_again(self, service: RunningService) -> None:
        """Repeat what was and what was not answered before the cut; each has one verdict then."""
        again, self.unanswered = self.unanswered + self.acknowledged[-3:], []
        with service.channel() as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            for message in again:
                stub.Verify(message, timeout=10, wait_for_ready=True)
        self.acknowledged += again

    def _ask(self, service: RunningService, stopping: threading.Event) -> None:
        with service.channel() as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            while not stopping.is_set():
                message = request()
                try:
                    stub.Verify(message, timeout=5)
                except grpc.RpcError:
                    self.unanswered.append(message)
                    return
                self.acknowledged.append(message)

    def _read_checkpoint(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            text = note.parse((self._made.settings.tree_folder / "checkpoint").read_bytes()).text
            stated = checkpoint.parse_text(text)
            assert self._published.setdefault(stated.size, stated.root) == stated.root


def _id(message: verification_pb2.VerifyRequest) -> bytes:
    return bytes.fromhex(message.request_id.replace("-", ""))


@contextlib.contextmanager
def machine(
    root: Path, engine: str, dice: random.Random
) -> Iterator[tuple[Installation, PowerCut, Database | None]]:
    """Install on an engine; everything of the service and of its database lies on the disk that is cut."""
    with contextlib.ExitStack() as opened:
        if engine == "sqlite":
            made, work = install(root / "installation"), root
            yield made, PowerCut(work, [made.root], dice), None
            return
        # Small, so that segments are changed and pages written back within a cut's time.
        settings = {"checkpoint_timeout": "30s", "max_wal_size": "32MB", "shared_buffers": "1MB"}
        settings |= {"recovery_init_sync_method": "syncfs"}  # what a cut has left counts as synced
        # Where the server's user may write, who is not this one; gone after the server.
        work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="padan-cut-")))
        work.chmod(0o755)
        server = opened.enter_context(PostgresServer(durable=True, settings=settings))
        url = server.make_database()
        made = install(root / "installation", log_url=url, vault_url=url)
        server.stop()
        disk = PowerCut(work, [made.root, server.data], dice)
        server.environment |= {**disk.environment, "PADAN_CUT_ENTRIES": "1"}
        yield made, disk, Database(server)


class Database:
    """The PostgreSQL of the same machine."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def start(self) -> None:
        """Recover, and take connections; after a power cut there is no process that lock files could name."""
        for lock in (
            self._server.data / "postmaster.pid",
            self._server.socket.with_name(f"{self._server.socket.name}.lock"),
        ):
            lock.unlink(missing_ok=True)
        self._server.start()

    def kill(self) -> None:
        """End every process at once."""
        kill_all(self._server.postmaster)
        self._server.wait_until_dead()


def begin(made: Installation, service: RunningService) -> None:
    """Wait until the service answers, without a hand's help."""
    try:
        wait_until_ready(made, service.process, START_SECONDS)
    except RuntimeError as error:
        raise AssertionError(f"{error}: {service.messages()[-3000:]}") from error


def cut_again_and_again(root: Path, engine: str, cuts: int, seed: int) -> World:
    """Start, ask, cut, put together what may be left, and look, as often as is said."""
    dice = random.Random(seed)
    with machine(root, engine, dice) as (made, disk, database):
        world = World(made)
        for turn in range(cuts + 1):
            if database is not None:
                database.start()
            with running(made, environment=disk.environment, ready=False) as service:
                begin(made, service)
                world.ask_again(service)
                if turn == cuts:
                    world.require_published(service)
                    break
                world.use(service, dice.uniform(0.05, 0.8))
                service.process.wait(10)
            if database is None:
                disk.fall()
                world.require_truth()
            else:
                database.kill()
                disk.fall()
                database.start()
                world.require_truth()
                database.kill()
                disk.fall()
        world.require_truth()
    return world


@pytest.mark.parametrize(("engine", "cuts"), [("sqlite", 3), ("postgresql", 1)])
def test_what_was_acknowledged_survives_power_cuts(engine: str, cuts: int, tmp_path: Path) -> None:
    """In a few cuts, of the service and of its database together."""
    cut_again_and_again(tmp_path, engine, cuts, 13)


@pytest.mark.long
@pytest.mark.parametrize(("engine", "cuts"), [("sqlite", 200), ("postgresql", 100)])
def test_what_was_acknowledged_survives_hundreds_of_cuts(engine: str, cuts: int, tmp_path: Path) -> None:
    """Over the ends of tiles and segments, with changing luck."""
    world = cut_again_and_again(tmp_path, engine, cuts, 31)
    print(f"attack 13, {engine}: {cuts} cuts, {len(world.acknowledged)} acknowledged, 0 missing, none twice")
