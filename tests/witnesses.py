"""Witnesses as processes of their own, as an outside organisation runs them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from padan.tlog.note import VerifierKey

PROGRAM = (sys.executable, "-c", "from padan.audit.cli import main; main()", "witness")


def command(*words: object, code: int = 0) -> str:
    """Run `padan-audit witness` to its end, which must be with this code, and give what it printed."""
    done = subprocess.run(
        [*PROGRAM, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


class WitnessProcess:
    """A witness of some logs, in a folder of its own; `start` and `stop` as often as wanted."""

    def __init__(self, folder: Path, *logs: VerifierKey, name: str = "witness.example/w1") -> None:
        self.folder = folder
        self.vkey = json.loads(command("init", folder, "--name", name, "--json"))["vkey"]
        for log in logs:
            command("add-log", folder, log)
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it takes submissions."""
        return f"http://127.0.0.1:{self.port}/w"

    def start(self) -> Self:
        """Start it, on the port that it had before, and wait until it listens."""
        listen = ("--listen", f"127.0.0.1:{self.port}", "--prefix", "/w")
        with (self.folder / "messages").open("a") as messages:
            self._process = subprocess.Popen(
                [*PROGRAM, "run", str(self.folder), *listen],
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r":(\d+)/w/add-checkpoint", line)
        assert found is not None, (line, self.messages())
        self.port = int(found[1])
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and give how it ended; 0 where it does not run."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        code = process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def messages(self) -> str:
        """Give what it has said on standard error."""
        return (self.folder / "messages").read_text()

    def show(self, *, code: int = 0) -> dict[str, Any]:
        """Give what `show` says of its only log."""
        document = json.loads(command("show", self.folder, "--json", code=code))
        (log,) = document["logs"]
        return dict(log)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
