"""`registry sync --follow` as a process, and what it says while it runs."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.integration.loading import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.installation import Installation


class Following:
    """`registry sync --follow` as a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: dict[str, queue.Queue[str]] = {"out": queue.Queue(), "err": queue.Queue()}
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            threading.Thread(target=self._read, args=(name, stream), daemon=True).start()

    def _read(self, name: str, stream: Any) -> None:
        for line in stream:
            self._lines[name].put(line)

    def next(self, name: str = "out") -> dict[str, Any]:
        """Wait for a line of its output."""
        line = self._lines[name].get(timeout=60)
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def following(
    made: Installation, where: str, *, environment: Mapping[str, str] | None = None
) -> Iterator[Following]:
    """Follow a source."""
    command = [*COMMAND, "--config", str(made.config_path), "registry", "sync", where, "--follow", "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            yield Following(process)
        finally:
            process.kill()
