"""A machine is lost at any moment, with everything on it: nothing that was acknowledged is missing after a restore."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from padan.v1 import attribute_pb2 as vocabulary
from tests.chaos.drill import NAME, WRONG, Clients, ask_until_answered, destroy, kill_all, logged
from tests.installation import install
from tests.operating import operate
from tests.people import SARI
from tests.postgres import PostgresServer
from tests.service import request, running
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from padan.v1 import verification_pb2
    from tests.installation import Installation

pytestmark = [pytest.mark.chaos, pytest.mark.long]

ROUNDS = 3
BUDGET = 3
TERMS = {"tax": Terms(subject=1_000_000), "bank": Terms(subject=BUDGET), "gone": Terms()}

Acknowledged = list[tuple["verification_pb2.VerifyRequest", "verification_pb2.VerifyResponse"]]


@contextmanager
def timed(times: dict[str, float], what: str) -> Iterator[None]:
    """Measure a step, in seconds."""
    began = time.monotonic()
    yield
    times[what] = time.monotonic() - began


def spend(installation: Installation) -> verification_pb2.VerifyRequest:
    """Spend the guesses about a resident; gives a right question that is blocked now."""
    for _ in range(BUDGET):
        ask_until_answered(installation, "bank", request(nik=SARI["NIK"], claims={NAME: WRONG}))
    right = request(nik=SARI["NIK"], claims={NAME: SARI["NAMA_LGKP"]})
    assert ask_until_answered(installation, "bank", right).outcome == vocabulary.VERDICT_BLOCKED
    return request(nik=SARI["NIK"], claims={NAME: SARI["NAMA_LGKP"]})


def lose_at_a_moment(
    installation: Installation,
    moment: float,
    backup: Path,
    times: dict[str, float],
    destroy: Callable[[], None],
    *,
    first: bool,
) -> tuple[Acknowledged, verification_pb2.VerifyRequest]:
    """Serve, back up under load, go on, and lose everything; gives what was acknowledged, and what is blocked."""
    with ExitStack() as opened:
        service = opened.enter_context(running(installation, ready=False))
        ask_until_answered(installation, "tax", request())
        clients = opened.enter_context(Clients(installation, "tax"))
        clients.wait_until_asking()
        with timed(times, "backup"):
            operate(installation, "backup", "create", backup)
        if first:
            operate(installation, "agency", "revoke", "gone")
        blocked = spend(installation)
        time.sleep(moment)
        kill_all(service.pid)
        destroy()
    assert clients.acknowledged
    return clients.acknowledged, blocked


def require_nothing_missing(
    installation: Installation, acknowledged: Acknowledged, blocked: verification_pb2.VerifyRequest
) -> None:
    """Every answer has its entry, a repetition gets the same bytes, what was spent is spent, who was revoked is out."""
    entries = logged(installation)
    missing = [each for each, _ in acknowledged if uuid.UUID(each.request_id).bytes not in entries]
    assert missing == []
    for message, answer in acknowledged[-100:]:
        assert ask_until_answered(installation, "tax", message) == answer
    assert ask_until_answered(installation, "bank", blocked).outcome == vocabulary.VERDICT_BLOCKED
    (gone,) = [
        each for each in json.loads(operate(installation, "agency", "list", "--json")) if each["id"] == "gone"
    ]
    assert gone["state"] == "revoked"


def tell(what: str, acknowledged: Acknowledged, times: dict[str, float]) -> None:
    """Print a round's figures."""
    figures = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
    print(f"\n{what}: {len(acknowledged)} answers acknowledged, 0 missing; {figures}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", [1, 2])
def test_sqlite_from_backup_and_mirror(workers: int, tmp_path: Path) -> None:
    """All that a machine has is gone at a random moment, again and again; backup and mirror bring everything back."""
    mirror, head = tmp_path / "mirror", tmp_path / "head"
    for folder in (mirror, head):
        folder.mkdir()
    installation = install(
        tmp_path / "installation",
        agencies=TERMS,
        extra=f'log_mirror = "{mirror}"\nhead_store = "{head}"\ntree_dir = "{tmp_path / "tree"}"\n'
        f"workers = {workers}\n",
    )
    source = random.Random()
    everything: Acknowledged = []
    for number in range(ROUNDS):
        times: dict[str, float] = {}
        backup = tmp_path / f"backup-{number}"
        acknowledged, blocked = lose_at_a_moment(
            installation,
            source.uniform(0, 2),
            backup,
            times,
            lambda: destroy(installation),
            first=number == 0,
        )
        everything += acknowledged
        with timed(times, "restore"):
            said = json.loads(operate(installation, "backup", "restore", backup, "--json"))
        assert (said["missing"], said["starts"]) == ("0", True)
        with timed(times, "tree"):
            operate(installation, "log", "rebuild-tree")
        began = time.monotonic()
        with running(installation, ready=False):
            ask_until_answered(installation, "tax", request())
            times["first verdict"] = time.monotonic() - began
            require_nothing_missing(installation, everything, blocked)
        operate(installation, "log", "check")
        tell(f"sqlite, {workers} workers, round {number + 1}", acknowledged, times)


@contextmanager
def archived(server: PostgresServer, archive: Path) -> Iterator[Callable[[], None]]:
    """Keep a base backup and every commit of a server in an archive; gives what ends the archiving."""
    programs, data = server.programs, server.data
    common = ["-h", str(data), "-U", "postgres"]
    (archive / "wal").mkdir(parents=True)
    receive = [str(programs / "pg_receivewal"), *common, "-D", str(archive / "wal"), "--slot=padan"]
    subprocess.run([*receive, "--create-slot"], check=True, capture_output=True)
    process = subprocess.Popen([*receive, "--synchronous"], stderr=subprocess.DEVNULL)

    def end() -> None:
        process.terminate()
        process.wait(10)

    try:
        wait_until_received(server)  # else the archive may begin after the base
        server.configure("synchronous_standby_names", "pg_receivewal")
        base = [
            str(programs / "pg_basebackup"),
            *common,
            "-D",
            str(archive / "base"),
            "-X",
            "none",
            "-c",
            "fast",
        ]
        subprocess.run(base, check=True, capture_output=True)
        yield end
    finally:
        if process.poll() is None:
            end()


def wait_until_received(server: PostgresServer) -> None:
    """Wait until the archive receives what the server writes."""
    until = time.monotonic() + 30
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while not connection.execute(
            "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"
        ).fetchone():
            assert time.monotonic() < until, "nothing is received"
            time.sleep(0.1)


def recover(server: PostgresServer, archive: Path) -> None:
    """Put the base back and let the server play the archive to its end."""
    for partial in (archive / "wal").glob("*.partial"):
        partial.rename(partial.with_suffix(""))
    shutil.copytree(archive / "base", server.data)
    for lock in server.data.glob(".s.PGSQL.*"):
        lock.unlink()  # the socket lies in the folder, and the base has its lock
    with (server.data / "postgresql.auto.conf").open("a") as settings:
        settings.write("synchronous_standby_names = ''\n")
        settings.write(f"restore_command = 'cp {archive / 'wal'}/%f %p'\n")
    (server.data / "recovery.signal").touch()
    server.own(server.data, archive)
    server.start()


@pytest.mark.timeout(900)
def test_postgresql_from_base_and_archive(tmp_path: Path) -> None:
    """Server and keyring are gone; base, archive of the write-ahead log, and backup bring every answer back."""
    with ExitStack() as opened:
        server = opened.enter_context(PostgresServer(durable=True))
        url = server.make_database()
        installation = install(
            tmp_path / "installation",
            agencies=TERMS,
            log_url=url,
            vault_url=url,
            extra=f'head_store = "{tmp_path / "head.json"}"\n',
        )
        archive = server.data.parent / "archive"
        end_archive = opened.enter_context(archived(server, archive))
        times: dict[str, float] = {}

        def lose() -> None:
            os.kill(server.postmaster, signal.SIGKILL)
            end_archive()
            server.wait_until_dead()
            shutil.rmtree(server.data)
            destroy(installation)

        backup = tmp_path / "backup"
        acknowledged, blocked = lose_at_a_moment(
            installation, random.Random().uniform(0, 3), backup, times, lose, first=True
        )
        with timed(times, "restore"):
            recover(server, archive)
            shutil.copytree(backup / "keyring", installation.settings.keyring.parent, dirs_exist_ok=True)
        with timed(times, "tree"):
            operate(installation, "log", "rebuild-tree")
        began = time.monotonic()
        with running(installation, ready=False):
            ask_until_answered(installation, "tax", request())
            times["first verdict"] = time.monotonic() - began
            require_nothing_missing(installation, acknowledged, blocked)
        operate(installation, "log", "check")
        tell("postgresql, base and archive", acknowledged, times)
        restore_elsewhere(installation, server, backup)


def restore_elsewhere(installation: Installation, server: PostgresServer, backup: Path) -> None:
    """Restore the service's own backup beside it: what came after it is missing, and counted."""
    other = server.make_database()
    text = installation.config_path.read_text()
    installation.config_path.write_text(text.replace(installation.settings.log_url, other))
    times: dict[str, float] = {}
    with timed(times, "restore"):
        said = json.loads(operate(installation, "backup", "restore", backup, "--json"))
    assert int(said["missing"]) > 0
    assert not said["starts"]
    print(
        f"postgresql, the backup alone: restore {times['restore']:.1f} s; {said['missing']} entries came after it"
    )
