"""People at a table: a page's commands, run one after the other, each at the terminal of who is named before it.

A terminal is a pseudo-terminal, since a passphrase is typed and never an option. Each question that a command asks is
answered by whom it names: with the own passphrase, the groups of the own sheet, or yes. Who is away presses Enter.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from keys import paper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SECONDS: Final = 120.0
"""How long a command may take on a busy machine."""
_NAME: Final = r"(?P<name>[a-z0-9-]+)"
_NEW: Final = re.compile(rf"New passphrase of {_NAME}, .*: $")
_KNOWN: Final = re.compile(rf"Passphrase of {_NAME}(?: \(.*\))?: $")
_AGAIN: Final = re.compile(r"Once more: $")
_LINE: Final = re.compile(r"line (?P<number>\d+): $")
_SIGN: Final = re.compile(r"Sign this\? \[y/N\]: $")
_PROBE_SECONDS: Final = 60.0
_MESSAGES: Final = "serve.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it printed, without the questions."""

    code: int
    printed: str


@dataclass(slots=True, kw_only=True)
class Table:
    """Where a page is played.

    Attributes:
        place: gives the folder of a person's terminal; of the operator's for an empty name.
        instead: what the page writes to what stands for it here, in commands and in outputs.
        away: who is not at the table.
        sheets: the lines of a person's sheet of paper, by name.
        said: what the services that were stopped have said.
    """

    place: Callable[[str], Path]
    instead: Mapping[str, str]
    away: set[str] = field(default_factory=set)
    sheets: dict[str, list[str]] = field(default_factory=dict)
    said: str = ""
    _serving: subprocess.Popen[bytes] | None = None

    def own(self, text: str) -> str:
        """Write a page's text as it is here."""
        for written, here in self.instead.items():
            text = text.replace(written, here)
        return text

    def run(self, line: str, who: str = "") -> Ended:
        """Run a command at a person's terminal."""
        if line == "padan-server serve":
            self._serve(self.place(who))
            return Ended(code=0, printed="")
        until = time.monotonic() + _PROBE_SECONDS
        while True:
            ended = self._type(line, who)
            if not line.startswith("padan-server probe") or not ended.code or time.monotonic() > until:
                break
            time.sleep(0.5)  # what was unsealed answers within seconds
        self._keep_sheets()
        return ended

    def close(self) -> None:
        """Stop the service."""
        if self._serving is not None:
            self._serving.terminate()
            self._serving.wait(30)
            self._serving = None
            self.said += (self.place("") / _MESSAGES).read_text()

    def _serve(self, folder: Path) -> None:
        """Start the service, another one first being stopped, and wait until custodians may come."""
        self.close()
        messages = folder / _MESSAGES
        with messages.open("wb") as sink:
            self._serving = subprocess.Popen(
                ["padan-server", "serve"], cwd=folder, env=_environment(), stdout=sink, stderr=sink
            )
        until = time.monotonic() + SECONDS
        while '"custodians may come"' not in messages.read_text():
            assert self._serving.poll() is None, messages.read_text()
            assert time.monotonic() < until, messages.read_text()
            time.sleep(0.1)

    def _type(self, line: str, who: str) -> Ended:
        """Run a command in a pseudo-terminal and answer what it asks."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.place(who))
            os.execvpe("bash", ["bash", "-c", self.own(line)], _environment())  # noqa: S606 - the page's own line
        printed, last = "", ""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            ready, _, _ = select.select([terminal], [], [], 0.5)
            data = b""
            if ready:
                with contextlib.suppress(OSError):  # which is how a terminal ends
                    data = os.read(terminal, 65_536)
                if not data:
                    break
            printed += data.decode().replace("\r\n", "\n")
            asked = printed.rpartition("\n")[2]
            answer = self._answer(asked, who, last)
            if answer is not None:
                last = answer
                printed = printed.removesuffix(asked)
                os.write(terminal, answer.encode() + b"\n")
        else:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)  # before the terminal is closed, which hangs up
        os.close(terminal)
        return Ended(code=os.waitstatus_to_exitcode(status), printed=_without_echo(printed))

    def _answer(self, asked: str, who: str, last: str) -> str | None:
        """Say what a person types; None where nothing is asked."""
        if found := _NEW.search(asked) or _KNOWN.search(asked):
            name = found["name"]
            return "" if name in self.away else f"the passphrase of {name}"
        if _AGAIN.search(asked):
            return last
        if found := _LINE.search(asked):
            return self.sheets[who][int(found["number"]) - 1]
        return "y" if _SIGN.search(asked) else None

    def _keep_sheets(self) -> None:
        """Let each person keep the groups of what was printed for them."""
        for path in self.place("").glob("*.txt"):
            groups = [row for row in path.read_text().splitlines() if re.match(r" ?\d+  ", row)]
            if len(groups) == paper.LINES:
                self.sheets[path.stem] = groups


def _environment() -> dict[str, str]:
    return {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "COLUMNS": "250",
        "TERM": "dumb",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
    }


def _without_echo(printed: str) -> str:
    """Leave out the empty lines that a passphrase leaves on the terminal."""
    return re.sub(r"^\n+", "", printed)
