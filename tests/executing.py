"""A sealed key agent's own part as a process, which can be killed right after a named step of a change."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from keys.step import Step, ignore
from verifier import config
from verifier.call import Call
from verifier.unsealing import Seal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keys.agent import LocalKeyAgent

SECONDS = 60
"""How long a busy machine may take to notice that a process is gone."""


class KilledError(Exception):
    """The agent was killed while it was asked."""


class FarSeal:
    """The sealed state of that process: asked as `verifier.unsealing.Seal` is."""

    def __init__(self, process: subprocess.Popen[str], asks: IO[str], answers: IO[str]) -> None:
        self._process = process
        self._asks = asks
        self._answers = answers

    def get_standing(self, call: Call) -> bytes:
        """Ask how it stands."""
        return self._ask("get_standing", call)

    def hand_in_share(self, call: Call) -> bytes:
        """Hand a share in."""
        return self._ask("hand_in_share", call)

    def _ask(self, method: str, call: Call) -> bytes:
        assert call.certificate is not None
        asked = {"method": method, "certificate": call.certificate.decode(), "raw": call.raw.hex()}
        self._asks.write(json.dumps(asked) + "\n")
        self._asks.flush()
        if not (line := self._answers.readline()):
            assert self._process.wait(SECONDS) == -signal.SIGKILL
            raise KilledError
        return bytes.fromhex(line)


@contextlib.contextmanager
def executing(settings: Path, kill_after: Step) -> Iterator[FarSeal]:
    """Run it for the time of a block.

    Args:
        settings: the file of settings.
        kill_after: the step after which it is killed.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tests.executing", str(settings), kill_after.value],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield FarSeal(process, process.stdin, process.stdout)
        finally:
            process.kill()


def main(path: str, step: str) -> None:
    """Answer until standard input ends, or be killed after a step."""
    reached = {step: lambda _: os.kill(os.getpid(), signal.SIGKILL)}
    opened: list[LocalKeyAgent] = []
    seal = Seal(
        config.load(Path(path)),
        opened.append,
        reached=lambda there: reached.get(there.value, ignore)(there),
    )
    for line in sys.stdin:
        asked = json.loads(line)
        call = Call(
            raw=bytes.fromhex(asked["raw"]),
            certificate=asked["certificate"].encode(),
            peer="",
            remaining=5.0,
            arrived=time.monotonic(),
        )
        sys.stdout.write(getattr(seal, asked["method"])(call).hex() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
