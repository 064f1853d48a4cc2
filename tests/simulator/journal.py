"""A writer on a log in memory: the service's own, without a process, keys and a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from keys.seal import SealKey
from verifier.committer import Committer
from verifier.group_writer import GroupWriter
from verifier.journal.server import JournalServer
from verifier.logtime import ClockFlag, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.log_store import MemoryLog

DAY_MS = 86_400_000


def _standing_clock(_database: float | None, _last_ms: int) -> LogTime:
    return LogTime(ms=20_000 * DAY_MS, flag=ClockFlag.IN_STEP)


class Writer:
    """Serves workers within its `with` block; a log that hangs is released at the end."""

    def __init__(
        self,
        path: Path,
        log: MemoryLog,
        clock: Callable[[float | None, int], LogTime] = _standing_clock,
    ) -> None:
        self._log = log
        seal = SealKey(bytes(range(32)))
        self.committer = Committer(
            writer=GroupWriter(
                store=log, settlement=Settlement(signer=None, replay_seal=lambda _day: seal), clock=clock
            ),
            patience=0.4,
        )
        self.server = JournalServer(path, self.committer)

    def __enter__(self) -> Self:
        """Start."""
        self.committer.start()
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, whether the workers have left or not."""
        self._log.released.set()
        self.server.drain(0.1)
        self.committer.stop()
        self.server.close()
