"""Processes that may lead: one does, and another when it is killed or stands still."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from padan.cli.console import ExitCode
from tests.installation import install
from tests.service import running
from verifier import scrape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.installation import Installation


def command(installation: Installation, *arguments: str) -> list[str]:
    """Spell a command of the operator's."""
    server = [sys.executable, "-m", "verifier.cli.server", "--config", str(installation.config_path)]
    return [*server, *arguments]


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    """An installation whose leader is a process of its own, on each engine."""
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    return install(tmp_path / "installation", log_url=url, extra='leader = "process"\n')


@contextlib.contextmanager
def candidate(installation: Installation, name: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that may lead; its messages go to a file of its name."""
    with (installation.root / name).open("wb") as sink:
        process = subprocess.Popen(
            command(installation, "lead"), stdout=sink, stderr=sink, env=os.environ | environment
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(5)


def shown(installation: Installation) -> dict[str, Any]:
    """Ask who leads."""
    answer = subprocess.run(
        command(installation, "lead", "--show", "--json"), check=True, capture_output=True, timeout=30
    )
    values: dict[str, Any] = json.loads(answer.stdout)
    return values


def wait_for(what: Callable[[], bool], seconds: float) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.1)


def test_another_takes_over(installation: Installation) -> None:
    """A leader that is stopped is followed, and knows it when it wakes up; one that is killed is followed at once."""
    says = {name: (lambda name=name: (installation.root / name).read_text()) for name in ("first", "second")}
    with candidate(installation, "first") as first:
        wait_for(lambda: "this process leads" in says["first"](), 20)
        with candidate(installation, "second", PADAN_LEADER_METRICS_LISTEN="") as second:
            wait_for(lambda: '"ready"' in says["second"](), 20)
            assert shown(installation)["term"] == 1
            os.kill(first.pid, signal.SIGSTOP)
            wait_for(lambda: "this process leads" in says["second"](), 20)
            assert shown(installation)["term"] == 2
            os.kill(first.pid, signal.SIGCONT)
            wait_for(lambda: "another process leads now" in says["first"](), 5)
            second.kill()
            wait_for(lambda: says["first"]().count("this process leads") == 2, 8)
            seen = shown(installation)
            assert seen["term"] == 3
            assert seen["heartbeat_age_seconds"] < 5
            first.send_signal(signal.SIGTERM)
            assert first.wait(10) == ExitCode.DONE
            assert shown(installation)["holder"] is None


def test_the_process_shows_what_only_a_leader_knows(tmp_path: Path) -> None:
    """That it leads, and how its tree fares, is scraped from it; who comes second there is told so."""
    made = install(tmp_path / "installation", extra='leader = "process"\n')
    with running(made), candidate(made, "first"):
        address = made.settings.leader_metrics_listen
        wait_for(lambda: "this process leads" in (made.root / "first").read_text(), 20)
        wait_for(lambda: (scrape.read(address).total("padan_tree_merge_seconds_count") or 0) > 0, 20)
        shows = scrape.read(address)
        assert shows.total("padan_leading") == shows.total("padan_leader_term") == 1
        assert shows.total("padan_tree_fault") == 0
        assert shows.total("padan_ready") is None
        assert scrape.read(made.settings.metrics_listen).total("padan_leading") == 0
        refused = subprocess.run(command(made, "lead"), capture_output=True, timeout=30, check=False)
    assert refused.returncode == ExitCode.STATE
    assert f"leader_metrics_listen: {address} cannot be used" in refused.stderr.decode()


def test_the_service_leads_by_itself(tmp_path: Path) -> None:
    """By default a worker leads, its metrics say so, and `lead` as a process is refused with the setting's name."""
    made = install(tmp_path / "installation")
    with running(made) as service:
        wait_for(lambda: "this process leads" in service.messages(), 10)
        assert shown(made)["term"] == 1
        refused = subprocess.run(command(made, "lead"), capture_output=True, timeout=30, check=False)
    assert refused.returncode == ExitCode.STATE
    assert (
        'leader = \\"process\\"' in refused.stderr.decode() or 'leader = "process"' in refused.stderr.decode()
    )
    plain = subprocess.run(command(made, "lead", "--show"), capture_output=True, timeout=30, check=True)
    assert plain.stdout.decode() == "nobody leads; the last term was 1\n"
