"""The service of a demonstration: started by its command line, watched by its messages, stopped or killed."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.demo.stage import Clock, ExpectationError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from deploy.demo.stage import Stage

LINE = "padan-server serve"
MESSAGES = "serve.log"
_READY_SECONDS = 60.0


class Service:
    """The service in one folder; may be started again."""

    def __init__(self, stage: Stage, who: str, *, workers: int = 1) -> None:
        """Prepare.

        Args:
            stage: where it is shown.
            who: whose folder it runs in.
            workers: how many processes answer, as the settings say.
        """
        self._stage = stage
        self._who = who
        self._workers = workers
        self._process: subprocess.Popen[str] | None = None

    @property
    def path(self) -> Path:
        """Where its messages go."""
        return self._stage.root / self._who / MESSAGES

    def start(self) -> float:
        """Start it, and wait until it answers; returns the seconds that this took.

        Raises:
            ExpectationError: it did not become ready.
        """
        clock = Clock()
        self.launch()
        self.wait_for(self._workers)
        return clock.seconds

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        self._stage.prompt(self._who, f"{LINE} 2> {MESSAGES} &")
        with self.path.open("w") as sink:
            self._process = self._stage.start(
                self._who, f"exec {LINE}", stdout=sink.fileno(), stderr=sink.fileno()
            )

    def wait_for(self, answering: int) -> None:
        """Wait until so many processes have said that they answer.

        Raises:
            ExpectationError: they did not in time, or the service has ended.
        """
        clock = Clock()
        while self._answering() < answering:
            if not self.running or clock.seconds > _READY_SECONDS:
                raise ExpectationError("the service did not become ready")
            time.sleep(0.1)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill_worker(self, number: int) -> None:
        """End one of several workers without a warning.

        Raises:
            ExpectationError: there is none of that number.
        """
        pid = self.process_of(f"worker-{number}")
        self._stage.prompt(self._who, f"kill -9 {pid}    # worker-{number}")
        os.kill(pid, signal.SIGKILL)

    def process_of(self, role: str) -> int:
        """Find the process of one role.

        Raises:
            ExpectationError: there is none.
        """
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if any(word.startswith(f"{role}:".encode()) for word in words) and self._owns(folder):
                    return int(folder.name)
        raise ExpectationError(f"there is no process of the {role}")

    def _owns(self, folder: Path) -> bool:
        """Say whether a process is a child of this service: its parent is the process that was started here."""
        parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        return self._process is not None and int(parent) == self._process.pid

    def _answering(self) -> int:
        ready = ("ready", "padan.service")
        return sum((message.get("event"), message.get("logger")) == ready for message in self.messages())

    def messages(self) -> Iterator[dict[str, Any]]:
        """Read its messages; a line that is not whole yet is passed over."""
        for line in self.path.read_text().splitlines():
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    yield message

    def stop(self) -> None:
        """Tell it to stop.

        Raises:
            ExpectationError: it had ended before, or does not end well.
        """
        process, running = self._process, self.running
        if process is None:
            return
        self._process = None
        self._stage.stop(process, gently=True)
        self._stage.expect(
            "the service ran until it was told to stop, and ended well",
            (running, process.returncode),
            (True, 0),
        )

    def kill(self) -> None:
        """End it and every process of it without a warning."""
        process, self._process = self._process, None
        if process is not None:
            self._stage.stop(process)
