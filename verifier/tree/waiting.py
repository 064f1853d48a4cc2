"""Waits for the signatures of others, but not for long: who is away delays no checkpoint beyond a bound.

Who is there and slow is waited for longer. A busy log has another checkpoint with each turn, so that lines which come
after their time belong to one that is published no more: without patience none would ever be cosigned. After a round
that did not bring enough lines at all, there is no more of it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from verifier.tree.cosigner import LateCosigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.tlog.note import Line
    from verifier.tree.cosigner import Asked, Cosigner

PATIENT_ROUNDS: Final = 100
"""Rounds in time after which nobody counts as slow any more: a minute of a busy log."""

_LOGGER = logging.getLogger("padan.tree")


class _Round(threading.Thread):
    """One checkpoint that is asked for, and what has come."""

    def __init__(self, cosign: Cosigner, asked: Asked) -> None:
        super().__init__(name="cosign", daemon=True)
        self.asked = asked
        self.lines: list[Line] = []
        self.was_enough = False
        self.was_late = False
        self._cosign = cosign

    def run(self) -> None:
        asked, cosign = self.asked, self._cosign
        try:
            lines = cosign(asked.text, asked.signed, asked.size, asked.consistency)
            self.was_enough = cosign.suffices(lines) if isinstance(cosign, LateCosigner) else bool(lines)
        except Exception:  # the log goes on without it
            _LOGGER.exception("a checkpoint could not be cosigned")
            return
        self.lines = lines


class Waiting:
    """Asks one cosigner, one checkpoint at a time."""

    def __init__(self, cosign: Cosigner | None, *, seconds: float, at_most: float) -> None:
        """Prepare.

        Args:
            cosign: who is asked; None for nobody.
            seconds: how long `ask` waits.
            at_most: how long it waits where enough lines have come before, but late.
        """
        self._cosign = cosign
        self._goes_on = cosign if isinstance(cosign, LateCosigner) else None
        self._seconds = seconds
        self._at_most = at_most
        self._patience = 0
        self._round: _Round | None = None

    def ask(self, asked: Asked) -> list[Line]:
        """Ask for lines, and give those that come in time; while an earlier one is still asked for, none."""
        if self._cosign is None or (self._round is not None and self._round.is_alive()):
            return []
        self._patience = self._next_patience()
        self._round = _Round(self._cosign, asked)
        self._round.start()
        self._round.join(self._at_most if self._patience else self._seconds)
        self._round.was_late = self._round.is_alive()
        return self.late(asked.text)

    def late(self, text: str) -> list[Line]:
        """Give the lines that have come for a text since it was asked for, once."""
        last = self._round
        if last is None or not last.lines or last.asked.text != text:
            return [] if self._goes_on is None else self._goes_on.late(text)
        lines, last.lines = last.lines, []
        return lines

    def published(self, asked: Asked, lines: Sequence[Line]) -> None:
        """Tell the cosigner what is published now, and with which lines."""
        if self._goes_on is not None:
            self._goes_on.published(asked, lines)

    def _next_patience(self) -> int:
        """Say how many rounds more are waited for longer, after what the last one was."""
        last = self._round
        if last is None or not last.was_enough:
            return 0
        return PATIENT_ROUNDS if last.was_late else max(0, self._patience - 1)
