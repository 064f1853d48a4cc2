"""What a process of the service shows of a rotation: how far it is, and whether it may hold a destroyed key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from verifier.housekeeping import Duty
from verifier.rotation import restarts

if TYPE_CHECKING:
    from verifier.vault.store import VaultStore

EVERY: Final = 5.0
"""Seconds between two looks."""
_LEISURE: Final = 50
"""How many times as long as the changes took to count passes before they are counted again."""


class Gauges(Protocol):
    """Where it is shown; verifier.metrics has one."""

    def show_rotation(self, *, left: float, seconds: float, pending: float, restart_due: bool) -> None:
        """Take the numbers."""
        ...


class RotationWatch:
    """Looks at the rotation, for one process.

    Args:
        vault: the vault.
        gauges: is shown how far it is.
    """

    def __init__(self, vault: VaultStore, gauges: Gauges) -> None:
        self._vault = vault
        self._gauges = gauges
        self._began_ms = restarts.began_ms()
        self._pending = 0
        self._count_after = float("-inf")

    def look(self) -> None:
        """Look once.

        Raises:
            VaultUnavailableError: the database failed.
        """
        there = self._vault.rotation()
        began = time.monotonic()
        if began >= self._count_after:
            self._pending = self._vault.pending(there)
            counted = time.monotonic()
            self._count_after = counted + _LEISURE * (counted - began)
        self._gauges.show_rotation(
            left=0 if there is None or not there.takes_changes else max(0, there.total - there.done),
            seconds=0 if there is None or not there.takes_changes else there.left_seconds or 0,
            pending=self._pending,
            restart_due=restarts.is_due(there, self._began_ms),
        )


def duty(vault: VaultStore, gauges: Gauges) -> Duty:
    """Make the duty that looks."""
    return Duty(name="rotation", every=EVERY, act=RotationWatch(vault, gauges).look)
