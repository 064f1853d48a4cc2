"""The published tree of a running service: every entry, whoever leads, and by the operator's commands."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from padan.tlog import checkpoint, merkle, note
from padan.tlog.tile import TileNodes
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.operating import operate
from tests.restarting import roles
from tests.service import request, running, wait_until_ready
from verifier.log.open import open_log
from verifier.tree.folder import TreeFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from padan.tlog.checkpoint import Checkpoint
    from tests.installation import Installation
    from tests.service import RunningService


def ask(service: RunningService, count: int = 1) -> None:
    """Ask some questions."""
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        for _ in range(count):
            stub.Verify(request(), timeout=10)


def folder_of(installation: Installation) -> TreeFolder:
    """Open the published folder."""
    return TreeFolder(installation.settings.tree_folder)


def stated(installation: Installation) -> Checkpoint:
    """Read the published checkpoint."""
    data = folder_of(installation).checkpoint()
    assert data is not None
    return checkpoint.parse_text(note.parse(data).text)


SECONDS = 60
"""How long a busy machine may take."""


def wait_until_merged(installation: Installation, seconds: float = SECONDS) -> Checkpoint:
    """Wait until every entry is in the published checkpoint."""
    until = time.monotonic() + seconds
    with closing(open_log(installation.settings.log_database)) as log:
        while True:
            data = folder_of(installation).checkpoint()
            if data is not None and stated(installation).size == log.head().sequence:
                return stated(installation)
            assert time.monotonic() < until, "an entry is in no checkpoint"
            time.sleep(0.05)


def require_growth(installation: Installation, old: Checkpoint, new: Checkpoint) -> None:
    """See that the later tree begins with the earlier one."""
    nodes = TileNodes(new.size, folder_of(installation).read)
    path = merkle.consistency_proof(old.size, new.size, nodes)
    merkle.check_consistency(old.size, old.root, new.size, new.root, path)


@contextlib.contextmanager
def leading(installation: Installation, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that may lead, as on a host of its own."""
    command = [sys.executable, "-m", "verifier.cli.server", "--config", str(installation.config_path), "lead"]
    with (installation.root / "lead.log").open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait(5)


def test_a_service_that_is_killed_goes_on_with_its_tree(tmp_path: Path) -> None:
    """Several workers on SQLite: after kill -9 of them and their writer the tree goes on, and checks whole."""
    installation = install(tmp_path / "installation", extra="workers = 2\n")
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, SECONDS)
        ask(service, 3)
        first = wait_until_merged(installation)
        before = roles(service)
        for role in ("worker-1", "worker-2", "writer"):
            os.kill(before[role], signal.SIGKILL)
        until = time.monotonic() + SECONDS
        while set(before.values()) & set(roles(service).values()) != {before["agent"]}:
            assert time.monotonic() < until
            time.sleep(0.1)
        wait_until_ready(installation, service.process, SECONDS)
        ask(service, 3)
        second = wait_until_merged(installation)
    assert second.size > first.size
    require_growth(installation, first, second)
    said = json.loads(operate(installation, "log", "check", "--json"))
    assert said["published"]["entries"] >= second.size


def test_a_host_takes_over_the_tree(postgres_url: str, tmp_path: Path) -> None:
    """Two hosts on PostgreSQL, each with its own head: one leads and is killed, the other goes on with one tree."""
    installation = install(tmp_path / "installation", log_url=postgres_url, extra='leader = "process"\n')
    other = tmp_path / "other-host.json"
    with running(installation) as service:
        ask(service)
        with leading(installation, {}) as process:
            first = wait_until_merged(installation)
            process.kill()
        shutil.copy(installation.settings.head_file, other)
        ask(service, 3)
        with leading(installation, {"PADAN_HEAD_STORE": str(other)}):
            second = wait_until_merged(installation)
        ask(service)
        with leading(installation, {}):
            third = wait_until_merged(installation)
    assert first.size < second.size < third.size
    require_growth(installation, first, second)
    require_growth(installation, second, third)


def test_a_lost_folder_is_refused_and_built_anew(tmp_path: Path) -> None:
    """The service answers on and says what to do; `log rebuild-tree` builds it, and the leader goes on by itself."""
    installation = install(tmp_path / "installation")
    tree = installation.settings.tree_folder
    with running(installation) as service:
        ask(service)
        before = wait_until_merged(installation)
    shutil.rmtree(tree)
    said = operate(installation, "log", "check", code=ExitCode.REFUSED)
    assert "rebuild-tree" in said
    with running(installation) as service:
        ask(service)
        until = time.monotonic() + SECONDS
        while "nothing is published" not in service.messages():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert not (tree / "checkpoint").exists()
        built = json.loads(operate(installation, "log", "rebuild-tree", "--json"))
        assert (built["entries"], built["root"]) == (before.size, before.root.hex())
        ask(service)
        after = wait_until_merged(installation)
    require_growth(installation, before, after)
    operate(installation, "log", "check")


@pytest.fixture
def spoilt(tmp_path: Path) -> Installation:
    """An installation whose first entry was changed."""
    installation = install(tmp_path / "installation")
    with running(installation) as service:
        ask(service)
        wait_until_merged(installation)
    with closing(installation.directory()) as directory, directory.writing() as connection:
        connection.exec_driver_sql("UPDATE entry SET entry = x'00' WHERE sequence = 1")
    return installation


def test_a_changed_entry_is_named_by_the_command(spoilt: Installation) -> None:
    """The operator reads which one, and what to do."""
    said = operate(spoilt, "log", "check", code=ExitCode.REFUSED)
    assert "entry 1 is not the one" in said
    assert "backup" in said
