"""Waits for the signatures of others, but not for long: who is away delays no checkpoint beyond a bound."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from verifier.tree.cosigner import LateCosigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from padan.tlog.note import Line
    from verifier.tree.cosigner import Cosigner

_LOGGER = logging.getLogger("padan.tree")


class Waiting:
    """Asks one cosigner, one checkpoint at a time."""

    def __init__(self, cosign: Cosigner | None, *, seconds: float) -> None:
        """Prepare.

        Args:
            cosign: who is asked; None for nobody.
            seconds: how long `ask` waits.
        """
        self._cosign = cosign
        self._seconds = seconds
        self._asking: threading.Thread | None = None
        self._answered: tuple[str, list[Line]] = ("", [])

    def ask(
        self, text: str, signed: bytes, size: int, consistency: Callable[[int], list[bytes]]
    ) -> list[Line]:
        """Ask for lines, and give those that come in time; while an earlier one is still asked for, none."""
        cosign = self._cosign
        if cosign is None or (self._asking is not None and self._asking.is_alive()):
            return []

        def collect() -> None:
            try:
                self._answered = text, cosign(text, signed, size, consistency)
            except Exception:  # the log goes on without it
                _LOGGER.exception("a checkpoint could not be cosigned")

        self._asking = threading.Thread(target=collect, name="cosign", daemon=True)
        self._asking.start()
        self._asking.join(self._seconds)
        return self.late(text)

    def late(self, text: str) -> list[Line]:
        """Give the lines that have come for a text since it was asked for, once."""
        answered, lines = self._answered
        if not lines or answered != text:
            return self._cosign.late(text) if isinstance(self._cosign, LateCosigner) else []
        self._answered = "", []
        return lines
