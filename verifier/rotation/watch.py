"""What a process of the service does about a rotation: it fetches new keys in time, and shows how far things are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from keys.errors import KeyNotFoundError, KeysError
from verifier.rotation import restarts
from verifier.rotation.translation import OUTER_PURPOSES

if TYPE_CHECKING:
    from keys.agent import LocalKeyAgent
    from verifier.vault.epoch import Epoch
    from verifier.vault.rotation import Rotation
    from verifier.vault.store import VaultStore

EVERY: Final = 5.0
"""Seconds between two looks."""

_LOGGER = logging.getLogger("padan.rotation")


class Gauges(Protocol):
    """Where it is shown; verifier.metrics has one."""

    def show_rotation(self, *, left: float, seconds: float, pending: float, restart_due: bool) -> None:
        """Take the numbers."""
        ...


class RotationWatch:
    """Looks at the rotation, for one process.

    Args:
        vault: the vault.
        agent: the process's keys.
        gauges: is shown how far it is.
    """

    def __init__(self, vault: VaultStore, agent: LocalKeyAgent, gauges: Gauges) -> None:
        self._vault = vault
        self._agent = agent
        self._gauges = gauges
        self._began_ms = restarts.began_ms()

    def look(self) -> None:
        """Look once.

        Raises:
            VaultUnavailableError: the database failed.
        """
        there, pending = self._vault.rotation()
        self._gauges.show_rotation(
            left=0 if there is None or not there.takes_changes else max(0, there.total - there.done),
            seconds=0 if there is None or not there.takes_changes else there.left_seconds or 0,
            pending=pending,
            restart_due=restarts.is_due(there, self._began_ms),
        )
        if there is not None and there.takes_changes:
            self._fetch_keys(there)

    def _fetch_keys(self, there: Rotation) -> None:
        """Fetch the other epoch's keys before they are asked for."""
        epochs = {each.number: each for each in self._vault.epochs()}
        if all(self._holds(epochs[number]) for number in (there.source, there.target)):
            return
        try:
            if self._agent.refresh():
                _LOGGER.info("the new epoch's keys are there")
        except KeysError as error:
            _LOGGER.warning("the new epoch's keys cannot be fetched", extra={"reason": str(error)})

    def _holds(self, epoch: Epoch) -> bool:
        try:
            for purpose in OUTER_PURPOSES:
                self._agent.keyring.key(purpose, epoch.key_ids[purpose])
        except KeyNotFoundError:
            return False
        return True
