"""A child of a supervisor that does as its role is told, and writes down what it did.

child.py FOLDER [--first] [ROLE=fails|deaf|once|lingers ...] --child ROLE:DESCRIPTOR[:successor]
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from verifier.child import HAND_OVER, SUCCESSOR
from verifier.signals import hear
from verifier.supervisor import unblock_signals
from verifier.tether import ChildEnd


def main() -> None:
    """Run until SIGTERM, until told to hand over, or until the parent is gone."""
    folder, *words, _, child = sys.argv[1:]
    role, descriptor, *rest = child.split(":")
    parent, stopping, leaving = ChildEnd(int(descriptor)), threading.Event(), threading.Event()

    def write(text: str) -> None:
        with (Path(folder) / "diary").open("a") as diary:
            diary.write(f"{role} {text}\n")

    def told(number: int) -> None:
        if f"{role}=deaf" in words or (number == HAND_OVER and f"{role}=lingers" in words):
            return
        if number == HAND_OVER:
            leaving.set()
        stopping.set()

    hear((signal.SIGTERM, HAND_OVER), told)
    unblock_signals()
    if f"{role}=once" in words and SUCCESSOR in rest:
        write("refuses")
        sys.exit(6)
    write(f"begins {os.getpid()} {'first' if '--first' in words else 'again'}")
    if f"{role}=fails" in words:
        sys.exit(6)
    parent.watch(stopping.set)
    parent.say_started()
    write("ready")
    parent.say_ready()
    while not stopping.wait(1):  # so that a signal which another thread was given is acted on
        pass
    write("leaves" if leaving.is_set() else "ends")


if __name__ == "__main__":
    main()
