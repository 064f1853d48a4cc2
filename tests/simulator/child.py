"""A child of a supervisor that does as its role is told, and writes down what it did.

child.py FOLDER [--first] [ROLE=fails|deaf ...] --child ROLE:DESCRIPTOR
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from verifier.supervisor import unblock_signals
from verifier.tether import ChildEnd


def main() -> None:
    """Run until SIGTERM, or until the parent is gone."""
    folder, *words, _, child = sys.argv[1:]
    role, _, descriptor = child.partition(":")
    parent, stopping = ChildEnd(int(descriptor)), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: None if f"{role}=deaf" in words else stopping.set())
    unblock_signals()
    with (Path(folder) / "diary").open("a") as diary:
        diary.write(f"{role} begins {os.getpid()} {'first' if '--first' in words else 'again'}\n")
    if f"{role}=fails" in words:
        sys.exit(6)
    parent.watch(stopping.set)
    parent.say_started()
    stopping.wait()
    with (Path(folder) / "diary").open("a") as diary:
        diary.write(f"{role} ends\n")


if __name__ == "__main__":
    main()
