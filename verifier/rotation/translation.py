"""From one epoch's outer layer to another's: record ids, and what stands in the rows, stay as they are.

The record id of a row comes from its stored token and not from its box, for a number that is held no longer keeps a row
whose box names nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from keys.purpose import Purpose
from tokenizer.outer import Outer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.keyagent import KeyAgent
    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Row

OUTER_PURPOSES = (Purpose.OUTER_TOKEN, Purpose.ROW_SEAL)
"""Purposes of the keys that an outer rotation replaces."""


class Translation:
    """Opens rows of one epoch and seals them for another.

    Args:
        before: the outer layer that opens.
        after: the one that seals.
    """

    def __init__(self, before: Outer, after: Outer) -> None:
        self._before = before
        self._after = after

    @classmethod
    def of(cls, agent: KeyAgent, before: Epoch, after: Epoch) -> Self:
        """Take both epochs' keys.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        return cls(outer_of(agent, before), outer_of(agent, after))

    def tokens(self, tokens: Sequence[bytes]) -> list[bytes]:
        """Compute under which tokens rows stand in the other epoch, in the same order."""
        return self._after.tokens(self._before.record_ids(tokens))

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        """Move rows, in the same order.

        Raises:
            BoxError: one does not open.
        """
        unseal = self._before.open
        moved = self.tokens([token for token, _ in rows])
        boxes = self._after.seal_many(moved, [unseal(token, box) for token, box in rows])
        return list(zip(moved, boxes, strict=True))

    def open_before(self, token: bytes, box: bytes) -> bytes:
        """Open a row of the first epoch."""
        return self._before.open(token, box)

    def open_after(self, token: bytes, box: bytes) -> bytes:
        """Open a row of the second epoch."""
        return self._after.open(token, box)

    def reversed(self) -> Translation:
        """Give the way back."""
        return Translation(self._after, self._before)


def outer_of(agent: KeyAgent, epoch: Epoch) -> Outer:
    """Take the keys of an epoch's outer layer.

    Raises:
        KeysError: a key is missing or may not be used.
    """
    return Outer.of_agent(
        agent,
        epoch=epoch.number,
        token_id=epoch.key_ids[Purpose.OUTER_TOKEN],
        seal_id=epoch.key_ids[Purpose.ROW_SEAL],
    )
