"""A rotation's command as a process of its own, which can be killed right after a named step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.people import AS_OF
from verifier import config
from verifier.projector.order import Order
from verifier.rotation.inner_rotator import InnerRotator

if TYPE_CHECKING:
    from tests.installation import Installation
    from verifier.rotation.step import Step

CHUNK_ROWS = 16
"""People whom a killed projection loses."""
SECONDS = 180
"""How long a busy machine may take for one command."""


def rotate(
    installation: Installation, command: str, *, kill_after: Step | None = None, source: Path | None = None
) -> int:
    """Run a command of a rotation; give the exit code, which is a signal's where it was killed.

    Args:
        installation: whose keys are rotated.
        command: the rotator's method.
        kill_after: the step after which it is killed.
        source: of `project`: the registry's file, of people whom no feed has changed.
    """
    step = kill_after.value if kill_after is not None else ""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.rotating",
            str(installation.config_path),
            command,
            step,
            str(source or ""),
        ],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[1],
        timeout=SECONDS,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode


def main(path: str, command: str, step: str, source: str) -> None:
    """Run a command, and be killed after a step."""

    def reached(there: Step) -> None:
        if there.value == step:
            os.kill(os.getpid(), signal.SIGKILL)

    rotator = InnerRotator(config.load(Path(path)), reached=reached)
    if command == "project":
        order = Order(source=source, as_of=AS_OF, chunk_rows=CHUNK_ROWS)
        rotator.project(order, holds={}, make_keys=True)
    elif command == "begin":
        rotator.begin(make_keys=True)
    elif command == "finish":
        rotator.finish(now=True)
    else:
        getattr(rotator, command)()


if __name__ == "__main__":
    main(*sys.argv[1:])
