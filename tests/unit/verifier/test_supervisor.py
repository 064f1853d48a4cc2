"""The parent of several processes, with children that do nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.installation import install
from verifier import supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
SECONDS = 30.0
"""How long a busy machine may take for what is done at once."""
_PARENT = """
import logging, sys
from verifier.supervisor import Supervisor, block_signals
logging.basicConfig()
block_signals()
names, patience, *said = sys.argv[1:]
command = [sys.executable, "tests/simulator/child.py", *said]
sys.exit(Supervisor(names.split(","), command, first_only=["--first"], patience=float(patience)).run())
"""


class Family:
    """A parent and its children, which have `patience` seconds to end."""

    def __init__(self, folder: Path, *behaviour: str, names: str, patience: float) -> None:
        self._diary, self.messages = folder / "diary", folder / "messages"
        with self.messages.open("wb") as messages:
            self.parent = subprocess.Popen(
                [sys.executable, "-c", _PARENT, names, str(patience), str(folder), *behaviour],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto/python'}"},
                stderr=messages,
            )

    def lines(self) -> list[list[str]]:
        """Read what the children wrote: role, what, and the rest."""
        text = self._diary.read_text() if self._diary.exists() else ""
        return [line.split() for line in text.splitlines()]

    def entries(self, what: str) -> list[list[str]]:
        """Read what they wrote of one kind."""
        return [line for line in self.lines() if line[1] == what]

    def wait_for(self, what: str, count: int) -> list[list[str]]:
        """Wait until the children have written so much."""
        until = time.monotonic() + SECONDS
        while len(self.entries(what)) < count:
            assert time.monotonic() < until
            time.sleep(0.02)
        return self.entries(what)


@contextlib.contextmanager
def family(
    folder: Path, *behaviour: str, names: str = "a,b", patience: float = SECONDS / 2
) -> Iterator[Family]:
    """Run a family."""
    running = Family(folder, *behaviour, names=names, patience=patience)
    try:
        yield running
    finally:
        running.parent.kill()
        running.parent.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all(tmp_path: Path, number: signal.Signals) -> None:
    """Each child is told, and ends in its own way; the parent ends well after them."""
    with family(tmp_path) as running:
        running.wait_for("begins", 2)
        running.parent.send_signal(number)
        assert running.parent.wait(SECONDS) == 0
        assert sorted(entry[0] for entry in running.entries("ends")) == ["a", "b"]


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    """A killed child has a successor, without what was meant for the first ones only."""
    with family(tmp_path) as running:
        first = running.wait_for("begins", 2)
        assert [entry[3] for entry in first] == ["first", "first"]
        time.sleep(0.3)  # so that it has said that it runs
        os.kill(int(first[0][2]), signal.SIGKILL)
        third = running.wait_for("begins", 3)[2]
        assert (third[0], third[3]) == (first[0][0], "again")
        running.parent.terminate()
        assert running.parent.wait(SECONDS) == 0


def test_a_child_that_cannot_begin_ends_the_service(tmp_path: Path) -> None:
    """Its exit code is the service's, and the others are stopped."""
    with family(tmp_path, "b=fails") as running:
        assert running.parent.wait(SECONDS) == 6
        assert len(running.entries("begins")) <= 2


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    """After its patience the parent kills what is left, and says so by its exit code."""
    with family(tmp_path, "a=deaf", patience=1.0) as running:
        entries = running.wait_for("begins", 2)
        running.parent.terminate()
        assert running.parent.wait(SECONDS) == 70
        assert not any(Path(f"/proc/{entry[2]}").exists() for entry in entries)


def test_without_a_parent_the_children_end(tmp_path: Path) -> None:
    """However the parent died, no child is left behind."""
    with family(tmp_path, "a=deaf") as running:
        running.wait_for("begins", 2)
        running.parent.kill()
        running.wait_for("ends", 2)


def test_who_runs(tmp_path: Path) -> None:
    """One process for one worker; several have a key agent, unless one is named, and on SQLite a writer."""
    one = install(tmp_path / "one").settings
    several = one.model_copy(update={"workers": 2})
    assert not one.has_writer
    assert supervisor.roles(several) == ["agent", "writer", "worker-1", "worker-2"]
    remote = several.model_copy(update={"log_url": "postgresql://padan@/padan"})
    assert supervisor.roles(remote) == ["agent", "worker-1", "worker-2"]
    named = remote.model_copy(update={"key_agent": str(tmp_path / "agent.sock")})
    assert supervisor.roles(named) == ["worker-1", "worker-2"]


def test_who_asks(tmp_path: Path) -> None:
    """A passphrase is asked for where the settings name no source of it."""
    settings = install(tmp_path / "one").settings
    assert not supervisor.asks(settings)
    assert supervisor.asks(settings.model_copy(update={"kek": "file:kek.json"}))
