"""docs/first-start.md is true: its commands, in its order, bring an installation from nothing to the first answer."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.house import markdown
from tests.installation import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "docs/first-start.md"
PORTS = ("7443", "7444")


def commands() -> Iterator[markdown.Command]:
    """Yield the page's commands."""
    yield from (command for command in markdown.commands() if command.page == PAGE)


def fits(shown: str, printed: str) -> bool:
    """Say whether a command printed what the page shows: `…` stands for anything, alone on a line for any lines."""
    lines = [re.escape(line).replace("…", ".*") for line in _evenly(shown).splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if line == ".*" else f"{line}\n" for line in lines)
    return not lines or re.fullmatch(pattern, _evenly(printed)) is not None


def _evenly(text: str) -> str:
    """Make every run of spaces one, since columns are as wide as what stands in them."""
    return re.sub(r" +", " ", text)


def three_ports() -> list[str]:
    """Find three free ports in a row, as `padan-server init` takes them."""
    free = free_ports(60)
    first = next(port for port in free if {port + 1, port + 2} <= {*free})
    return [str(first), str(first + 1)]


class Terminal:
    """Runs command lines one after the other, each with bash, in a folder that `cd` changes."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self._ports = ports
        self._environment = {
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "COLUMNS": "250",
            "PYTHONUNBUFFERED": "1",  # what goes to the two outputs comes in its order
        }

    def _own(self, line: str) -> str:
        for written, free in self._ports.items():
            line = line.replace(written, free)
        return line

    def run(self, line: str) -> tuple[int, str]:
        """Run a command; return its exit code and what it printed."""
        if line.startswith("cd "):
            self.folder = (self.folder / line.removeprefix("cd ")).resolve()
            return int(not self.folder.is_dir()), ""
        done = subprocess.run(
            ["bash", "-c", self._own(line)],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=90,
        )
        return done.returncode, done.stdout

    @contextlib.contextmanager
    def serving(self, line: str) -> Iterator[None]:
        """Run a command in a terminal of its own until the end, once it says that it is ready."""
        messages = self.folder / "serve.log"
        with messages.open("wb") as sink:
            process = subprocess.Popen(
                self._own(line).split(), cwd=self.folder, env=self._environment, stdout=sink, stderr=sink
            )
        try:
            end = time.monotonic() + 60
            while '"ready"' not in messages.read_text():
                assert process.poll() is None, messages.read_text()
                assert time.monotonic() < end, messages.read_text()
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.timeout(400)
def test_the_walk_can_be_walked(tmp_path: Path) -> None:
    """Each command of the page ends well and prints what the page shows."""
    terminal = Terminal(tmp_path, dict(zip(PORTS, three_ports(), strict=True)))
    with contextlib.ExitStack() as running:
        for command in commands():
            if command.line == "padan-server serve":
                running.enter_context(terminal.serving(command.line))
                continue
            code, printed = terminal.run(command.line)
            assert code == 0, f"{command.line}\n{printed}"
            assert fits(command.output, printed), f"{command.line}\n{printed}"
    assert (tmp_path / "agency" / "agency.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "operator").stat().st_mode & 0o077 == 0


def test_the_walk_has_everything_in_it() -> None:
    """The page goes through every command that a first start needs."""
    walked = " ".join(command.line for command in commands())
    for wanted in (
        "padan-server init",
        "padan-keys init",
        "padan-keys auditors-keygen",
        "padan-server agreement keygen",
        "padan-server registry load",
        "padan init",
        "padan-server agency enrol",
        "padan-server agreement activate",
        "padan-server serve",
        "padan check",
        "padan verify",
        "padan receipt check",
        "padan-audit list",
    ):
        assert wanted in walked
