"""Who has keys, as the agent counts them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from keys import agent_wire
from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent, holders
from keys.agent_server import KeyAgentServer
from keys.errors import KeyAgentFormatError, KeyAgentSealedError
from keys.holders import Held, Holders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.custody import Custody
    from tests.simulator.kek_provider import MemoryKekProvider
    from tests.unit.keys.conftest import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the socket is."""
    return tmp_path / "agent.sock"


@pytest.fixture
def server(
    path: Path, custody: Custody, provider: MemoryKekProvider, tmp_path: Path, clock: Clock
) -> Iterator[KeyAgentServer]:
    """A running agent."""
    del custody
    with contextlib.closing(LocalKeyAgent.unlock(tmp_path / "keyring.json", provider, now=clock)) as agent:
        running = KeyAgentServer(path, agent)
        running.start()
        yield running
        running.stop()


def test_a_process_that_cannot_be_followed_is_counted() -> None:
    """One that is gone, or that this system does not see, got keys; it is not among those that run."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holders = Holders()
    for pid in (gone.pid, 0):
        assert holders.note(pid)
    assert holders.count() == (2, 0)
    holders.close()


def test_closing_lets_go_of_all() -> None:
    """After the end nothing is followed."""
    holders = Holders()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert holders.note(other.pid)
        assert not holders.note(other.pid)
        assert holders.count() == (1, 1)
        holders.close()
        assert holders.count() == (1, 0)


HOLDER = """
import pathlib, sys
from keys.agent_client import SocketKeyAgent, holders
agent = SocketKeyAgent.connect(pathlib.Path(sys.argv[1]))
print("here", flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("server")
def test_the_agent_counts_who_has_keys(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each process that gets keys counts once, however often it asks, is told of, and runs until it has ended."""
    caplog.set_level("INFO", logger="padan.key-agent")
    assert holders(path) == (0, 0)
    worker = SocketKeyAgent.connect(path)
    SocketKeyAgent.connect(path).close()
    assert worker.refresh() is False
    assert worker.holders() == (1, 1)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"here\n"
        assert holders(path) == (2, 2)
        told = [record for record in caplog.records if record.message == "a process gets keys"]
        assert [record.__dict__["reason"] for record in told] == [
            f"process {each}" for each in (os.getpid(), other.pid)
        ]
    assert holders(path) == (2, 1)
    worker.close()


def test_a_sealed_agent_has_no_holders(path: Path) -> None:
    """Who asks a sealed agent hears that nobody has keys."""
    server = KeyAgentServer(path, None)
    server.start()
    try:
        with pytest.raises(KeyAgentSealedError):
            SocketKeyAgent.connect(path)
        assert holders(path) == (0, 0)
    finally:
        server.stop()


def test_a_count_of_another_shape_is_refused() -> None:
    """Another number of bytes is no count."""
    assert agent_wire.decode_held(agent_wire.encode_held(Held(3, 2))) == (3, 2)
    with pytest.raises(KeyAgentFormatError, match="restart what is older"):
        agent_wire.decode_held(b"\0" * 7)
