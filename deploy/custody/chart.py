"""A chart that grows by a row a second: what callers wait, how far the rotation is, and which step is taken."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.installation import OPERATOR
from verifier import config
from verifier.vault.open import open_rotations
from verifier.vault.rotation import RotationState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.custody.custody import Custody

_TRAFFIC = Path(__file__).with_name("traffic.py")
_BAR = 24
_FULL_MS = 48.0
"""What a full bar of a wait stands for."""
_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One second."""

    step: str
    answered: int
    failed: int
    changed: int
    p99_ms: float


class Chart:
    """Traffic of an agency, and its chart.

    Args:
        custody: the installation.
        agency: who asks.
        rate: questions a second.
    """

    def __init__(self, custody: Custody, agency: str, rate: int) -> None:
        self._custody = custody
        self.step = ""
        self.rows: list[Row] = []
        self._vault = config.load(custody.folder(OPERATOR) / "padan.toml").vault_database
        line = f"{sys.executable} {_TRAFFIC} {agency} {rate} ../registry/people.csv {custody.address}"
        custody.stage.prompt(agency, line)
        self._process = custody.stage.start(agency, f"exec {line}", stdout=subprocess.PIPE)
        self._drawing = threading.Thread(target=self._draw, daemon=True)
        self._drawing.start()

    def end(self) -> None:
        """Let the traffic end with its answers, and draw the last row."""
        self._custody.stage.stop(self._process, gently=True)
        self._drawing.join(_SECONDS)

    def of(self, *steps: str) -> list[Row]:
        """Give the rows of some steps."""
        return [row for row in self.rows if row.step in steps]

    def _draw(self) -> None:
        for counted in self._counted():
            row = Row(
                step=self.step,
                answered=int(counted["answered"]),
                failed=int(counted["failed"]),
                changed=int(counted["changed"]),
                p99_ms=counted["p99_ms"],
            )
            self.rows.append(row)
            wait = "█" * max(1, min(_BAR, round(row.p99_ms / _FULL_MS * _BAR)))
            self._custody.stage.show(
                f"{len(self.rows):>3} s {row.answered:>4}/s  p99 {row.p99_ms:>6.1f} ms {wait:<{_BAR}} "
                f"{self._moved():<22} {row.step}" + ("  FAILED" if row.failed or row.changed else "")
            )

    def _counted(self) -> Iterator[dict[str, float]]:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                yield json.loads(line)

    def _moved(self) -> str:
        with closing(open_rotations(self._vault)) as rotations:
            there = rotations.newest_rotation()
        if there is None:
            return "epoch 1 answers"
        if there.state is RotationState.MOVING:
            share = there.done / there.total if there.total else 1.0
            return f"moved {share:>4.0%} {'▒' * round(share * 10)}"
        answering = there.source if there.state is RotationState.READY else there.target
        return f"epoch {answering} answers"
