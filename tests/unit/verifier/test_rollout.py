"""A supervisor replaces its children, with children that do nothing else."""

from __future__ import annotations

import os
import resource
import signal
import time
from typing import TYPE_CHECKING

from tests.unit.verifier.test_supervisor import SECONDS, family
from verifier.supervisor import AGENT

if TYPE_CHECKING:
    from pathlib import Path


def test_each_child_has_a_successor(tmp_path: Path) -> None:
    """On SIGHUP a successor is ready before each child hands over; all are other processes afterwards."""
    with family(tmp_path) as running:
        first = running.wait_for("begins", 2)
        running.wait_for("ready", 2)
        running.parent.send_signal(signal.SIGHUP)
        running.wait_for("leaves", 2)
        begun = running.wait_for("begins", 4)
        assert [entry[0] for entry in begun[2:]] == ["a", "b"]
        assert not {entry[2] for entry in begun[2:]} & {entry[2] for entry in first}
        order = [(entry[0], entry[1]) for entry in running.lines() if entry[1] in {"ready", "leaves"}][2:]
        assert order == [("a", "ready"), ("a", "leaves"), ("b", "ready"), ("b", "leaves")]
        running.parent.terminate()
        assert running.parent.wait(SECONDS) == 0


def test_a_successor_that_cannot_begin_ends_the_rollout(tmp_path: Path) -> None:
    """The child stays in its place, and so do those after it."""
    with family(tmp_path, "a=once") as running:
        first = running.wait_for("begins", 2)
        running.wait_for("ready", 2)
        running.parent.send_signal(signal.SIGHUP)
        running.wait_for("refuses", 1)
        running.parent.send_signal(signal.SIGHUP)
        running.wait_for("refuses", 2)
        assert running.entries("begins") == first
        assert not running.entries("leaves")
        for entry in first:
            os.kill(int(entry[2]), 0)
        running.parent.terminate()
        assert running.parent.wait(SECONDS) == 0


def test_the_end_of_the_service_ends_a_rollout(tmp_path: Path) -> None:
    """SIGTERM in the midst of it stops old and new alike."""
    with family(tmp_path, "a=lingers") as running:
        running.wait_for("ready", 2)
        running.parent.send_signal(signal.SIGHUP)
        running.wait_for("ready", 4)
        running.parent.terminate()
        assert running.parent.wait(SECONDS) == 0
        assert len(running.entries("ends")) + len(running.entries("leaves")) == 4
        assert ["a", "leaves"] not in running.lines()


def test_a_key_agent_that_cannot_be_started_is_started_when_it_can(tmp_path: Path) -> None:
    """It ends before its successor begins; without a descriptor for that, the parent tries again, and so for good."""
    with family(tmp_path, names=f"{AGENT},a") as running:
        running.wait_for("ready", 2)
        usual = resource.prlimit(running.parent.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(running.parent.pid, resource.RLIMIT_NOFILE, (4, usual[1]))
        running.parent.send_signal(signal.SIGHUP)
        until = time.monotonic() + SECONDS
        while running.messages.read_text().count("cannot be started") < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert len(running.entries("begins")) == 2
        resource.prlimit(running.parent.pid, resource.RLIMIT_NOFILE, usual)
        assert running.wait_for("begins", 3)[2][0] == AGENT
        running.parent.terminate()
        assert running.parent.wait(SECONDS) == 0
