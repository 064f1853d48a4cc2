"""The key agent as a process: it asks for the passphrase once, and a service of its host lives from it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import PASSPHRASE, Installation, install
from tests.restarting import roles
from tests.service import RunningService, request, running, wait_until_ready
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60.0
"""How long a busy machine may take."""


def command(installation: Installation, *words: str) -> list[str]:
    """Spell a command of the operator's."""
    return [sys.executable, "-m", "verifier.cli.server", "--config", str(installation.config_path), *words]


def wait_for(what: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


class Terminal:
    """A command on a terminal, at which somebody sits who knows the passphrase."""

    def __init__(self, words: list[str]) -> None:
        self.said = b""
        self.pid, self._descriptor = pty.fork()
        if not self.pid:
            os.execv(words[0], words)  # noqa: S606 - the test's own command

    def reads(self, text: bytes) -> bool:
        """Whether the terminal shows a text by now."""
        os.set_blocking(self._descriptor, False)
        with contextlib.suppress(BlockingIOError, OSError):
            self.said += os.read(self._descriptor, 65_536)
        return text in self.said

    def types(self, text: str) -> None:
        """Type a line."""
        os.write(self._descriptor, f"{text}\n".encode())

    def end(self) -> int:
        """Tell it to stop; returns its exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        found: list[int] = []

        def has_ended() -> bool:
            self.reads(b"")  # a full terminal would hold it up
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            found.append(status)
            return pid != 0

        wait_for(has_ended)
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(found[-1])


def without_a_source(installation: Installation) -> Installation:
    """Let the settings name no source of the passphrase."""
    text = installation.config_path.read_text()
    installation.config_path.write_text(text.replace("?passphrase-file=passphrase", ""))
    return installation


@contextlib.contextmanager
def agent(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """Run a key agent of its own."""
    process = subprocess.Popen(command(installation, "agent"), stderr=subprocess.PIPE)
    try:
        wait_for(lambda: (installation.root / "agent.sock").exists() or process.poll() is not None)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def answers(service: RunningService) -> bool:
    """Whether a question gets its answer."""
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        return stub.Verify(request(), timeout=10).outcome == vocabulary.VERDICT_MATCH


def periods(installation: Installation) -> int:
    """Count the periods in the log."""
    with contextlib.closing(open_log(installation.settings.log_database)) as log:
        return sum(row.kind == EntryKind.PERIOD_OPENED for row in log.entries(0, 10_000))


def test_a_service_of_several_workers_asks_once(tmp_path: Path) -> None:
    """At the start the passphrase is asked for once, on the terminal; a killed worker comes back without it."""
    installation = without_a_source(install(tmp_path / "i", extra="workers = 2\n"))
    terminal = Terminal(command(installation, "serve"))
    wait_for(lambda: terminal.reads(b"Passphrase:"))
    terminal.types(PASSPHRASE)
    wait_for(lambda: terminal.reads(b"") and terminal.said.count(b'"listening"') >= 2)
    victim = next(
        int(pid)
        for pid in Path(f"/proc/{terminal.pid}/task/{terminal.pid}/children").read_text().split()
        if "worker-1" in Path(f"/proc/{pid}/cmdline").read_text()
    )
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: terminal.reads(b"") and terminal.said.count(b'"listening"') >= 3)
    assert terminal.said.count(b"Passphrase:") == 1
    assert PASSPHRASE.encode() not in terminal.said
    assert terminal.end() == ExitCode.DONE, terminal.said[-3000:].decode(errors="replace")


def test_without_a_terminal_the_service_says_what_it_needs(tmp_path: Path) -> None:
    """A service that could ask nobody ends at once, with the next step."""
    installation = without_a_source(install(tmp_path / "i", extra="workers = 2\n"))
    done = subprocess.run(
        command(installation, "serve"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == ExitCode.INPUT
    assert b"passphrase" in done.stderr


def test_a_service_lives_from_an_agent_of_its_own(tmp_path: Path) -> None:
    """Without the agent it waits and says why; with it it answers; what runs outlives it, and a new one is used."""
    installation = install(tmp_path / "i", extra='key_agent = "agent.sock"\n')
    with running(installation, ready=False) as service:
        wait_for(lambda: "start padan-server agent" in service.messages())
        with agent(installation):
            wait_until_ready(installation, service.process, SECONDS)
            assert answers(service)
            assert periods(installation) == 1
        assert answers(service)
        with agent(installation):
            assert answers(service)


@pytest.mark.parametrize(
    ("extra", "code", "text"),
    [
        ("", ExitCode.INPUT, "key_agent"),
        (f'key_agent = "{"x" * 120}"\n', ExitCode.INPUT, "shorten"),
        ('key_agent = "agent.sock"\nregistry_id = "another"\n', ExitCode.INPUT, "made for"),
    ],
)
def test_an_agent_that_cannot_begin_says_why(tmp_path: Path, extra: str, code: ExitCode, text: str) -> None:
    """No socket named, a path that is no address, a keyring of another registry: each is named."""
    installation = install(tmp_path / "i")
    content = installation.config_path.read_text()
    if "registry_id" in extra:
        content = re.sub(r"registry_id = .*\n", "", content)
    installation.config_path.write_text(extra + content)
    done = subprocess.run(
        command(installation, "agent"), capture_output=True, timeout=SECONDS, check=False, text=True
    )
    assert done.returncode == code, done.stderr
    assert text in done.stderr


def test_an_agent_that_is_killed_comes_back(tmp_path: Path) -> None:
    """The service's own agent is started again, the workers answer on, and a killed worker finds it."""
    installation = install(tmp_path / "i", extra="workers = 2\n")
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, SECONDS)
        wait_for(lambda: service.messages().count('"listening"') == 2)
        before = roles(service)
        os.kill(before["agent"], signal.SIGKILL)
        assert answers(service)
        wait_for(lambda: roles(service).get("agent", before["agent"]) != before["agent"])
        os.kill(before["worker-2"], signal.SIGKILL)
        wait_for(lambda: service.messages().count('"listening"') == 3)
        assert answers(service)
