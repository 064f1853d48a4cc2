"""A leader that dies, or whose disk fails, at a chosen call of its own: forks for each order, says how it ended.

An order is one line of JSON: the log's database, the folder, what happens ("kill" or "fail"), before or behind which of
the calls that make files durable or move them, how many entries are committed before each turn, and whether these are
young, so that a turn that fills a tile leaves the rest to the next one. The answer
is the exit code, negative for a signal.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tree import MANDATE, open_site
from verifier.headfile import HeadStoreError
from verifier.tree.errors import TreeStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = ("fsync", "replace", "unlink", "rmdir", "mkdir")


class Fate:
    """What happens at which call."""

    def __init__(self, kind: str, at: int) -> None:
        self.kind = kind
        self.at = at
        self.count = 0

    def over(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Put the fate in front of a call, and behind it."""

        def fated(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            before, after = self.count * 2 - 1 == self.at, self.count * 2 == self.at
            if before:
                self.strike()
            result = call(*arguments, **named)
            if after:
                self.strike()
            return result

        return fated

    def strike(self) -> None:
        """Die, or fail as a disk does."""
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(5, "Input/output error")


def lead(order: dict[str, Any]) -> None:
    """Commit and publish, and meet the fate."""
    fate = Fate(order["kind"], order["at"])
    with open_site(order["database"], Path(order["folder"])) as site:
        sequencer = site.sequencer()
        for name in CALLS:
            setattr(os, name, fate.over(getattr(os, name)))
        for count in order["counts"]:
            site.write(count, log_time_ms=time.time_ns() // 1_000_000 if order.get("young") else 1_000)
            with contextlib.suppress(TreeStoreError, HeadStoreError):
                sequencer.turn(MANDATE)


def main() -> None:
    """Serve orders until there are none."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                lead(json.loads(line))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
