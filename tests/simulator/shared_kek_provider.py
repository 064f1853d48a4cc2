"""A provider whose KEK custodians hold together, in memory: who holds it is what it was told when it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.kek_provider import MemoryKekProvider

if TYPE_CHECKING:
    from keys.kek import Kek
    from keys.roster import Roster
    from keys.signing import Signing


class SharedMemoryKekProvider(MemoryKekProvider):
    """Keeps KEKs and who holds them.

    Args:
        roster: who holds the first.
    """

    uri = "quorum:memory"

    def __init__(self, roster: Roster) -> None:
        super().__init__()
        self._next = roster
        self.held: dict[str, Roster] = {}

    def roster(self, kek_id: str) -> Roster:
        """Say who holds a KEK."""
        return self.held[kek_id]

    def hand_on(self, roster: Roster) -> None:
        """Deal the next to others."""
        self._next = roster

    def signers(self) -> tuple[Signing, ...]:
        """Nobody is here."""
        return ()

    def _add(self) -> Kek:
        kek = super()._add()
        self.held[kek.id] = self._next
        return kek
