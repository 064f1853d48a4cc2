"""A rotation's command as a process of its own, which can be killed right after a named step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from verifier import config
from verifier.rotation.rotator import Rotator

if TYPE_CHECKING:
    from tests.installation import Installation
    from verifier.rotation.step import Step

SECONDS = 180
"""How long a busy machine may take for one command."""


def rotate(installation: Installation, command: str, *, kill_after: Step | None = None) -> int:
    """Run a command of a rotation; give the exit code, which is a signal's where it was killed."""
    step = kill_after.value if kill_after is not None else ""
    done = subprocess.run(
        [sys.executable, "-m", "tests.rotating", str(installation.config_path), command, step],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[1],
        timeout=SECONDS,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode


def main(path: str, command: str, step: str) -> None:
    """Run a command, and be killed after a step."""

    def reached(there: Step) -> None:
        if there.value == step:
            os.kill(os.getpid(), signal.SIGKILL)

    rotator = Rotator(config.load(Path(path)), reached=reached)
    if command == "begin":
        rotator.begin(make_keys=True)
    elif command == "finish":
        rotator.finish(now=True)
    else:
        getattr(rotator, command)()


if __name__ == "__main__":
    main(*sys.argv[1:])
