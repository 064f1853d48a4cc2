"""Witnesses: as processes of their own, as an outside organisation runs them, and as threads of a test."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from padan.audit.cli import main
from padan.witness import key
from padan.witness.book import Book
from padan.witness.folder import WitnessFolder
from padan.witness.listener import Limits, Listener, submission_routes
from padan.witness.witness import Witness
from tests.people import BUDI
from tests.simulator import terminal

if TYPE_CHECKING:
    import ssl
    from pathlib import Path
    from typing import Self

    from padan.client import Client
    from padan.tlog.note import VerifierKey

PROGRAM = (sys.executable, "-c", "from padan.audit.cli import main; main()", "witness")


def ask(client: Client) -> None:
    """Ask a right question of the class specific, which is refused while the quorum is away for too long."""
    client.verify(
        nik=BUDI["NIK"],
        purpose="strict",
        claims={"name": BUDI["NAMA_LGKP"]},
        officer="o1",
        legal_basis="public_task",
    )


def command(*words: object, code: int = 0) -> str:
    """Run `padan-audit witness` to its end, which must be with this code, and give what it printed."""
    done = terminal.run(main, "witness", *map(str, words))
    assert done.code == code, done.out + done.err
    return done.out


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


class WitnessThread:
    """A witness of some logs in a thread; `start` and `stop` as often as wanted, on one port."""

    def __init__(
        self,
        folder: Path,
        *logs: VerifierKey,
        name: str = "witness.example/w1",
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder = WitnessFolder(folder)
        self.vkey = str(self.folder.create(name))
        for log in logs:
            self.folder.add_log(str(log))
        self._limits = limits or Limits()
        self._tls = tls
        self.port = 0

    @property
    def url(self) -> str:
        """Where it takes submissions."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/w"

    def start(self) -> Self:
        """Start it, and wait until it listens."""
        self.book = Book(self.folder.book)
        witness = Witness(logs=self.folder.logs(), book=self.book, cosign=key.load(self.folder.key).cosign)
        self.listener = Listener(submission_routes(witness, "/w"), self._limits)
        self._loop = asyncio.new_event_loop()
        bound: Future[tuple[str, int]] = Future()

        async def begin() -> None:
            bound.set_result(await self.listener.start("127.0.0.1", self.port, self._tls))

        def run() -> None:
            self._loop.run_until_complete(begin())
            self._loop.run_forever()
            self._loop.run_until_complete(self.listener.stop())
            self._loop.close()

        self._thread = threading.Thread(target=run)
        self._thread.start()
        _, self.port = bound.result(10)
        return self

    def stop(self) -> None:
        """End it."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self.book.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
