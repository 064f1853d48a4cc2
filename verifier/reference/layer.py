"""The keys of one epoch's references: an outer layer for each slot, and the record ids of people and of decoys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from keys.purpose import Purpose
from tokenizer.biometrics.reference import TABLE
from tokenizer.biometrics.slot import Slot
from tokenizer.inner import Inner
from tokenizer.outer import Outer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.keyagent import KeyAgent

_ANY: Final = Slot("face", 0)
DECOYS: Final = 256
"""Decoys of each slot in each epoch."""


class Layer:
    """One epoch's keys. A slot's are derived when first asked for.

    Args:
        agent: holds the keys.
        number: of the epoch.
        key_ids: its keys, purpose to id.
        inner: makes its record ids.
        sealed: slots to the boxes that their keys have sealed before, by all writers.
    """

    def __init__(
        self,
        agent: KeyAgent,
        *,
        number: int,
        key_ids: Mapping[str, int],
        inner: Inner,
        sealed: Mapping[Slot, int] | None = None,
    ) -> None:
        self._agent = agent
        self._token_id, self._seal_id = key_ids[Purpose.OUTER_TOKEN], key_ids[Purpose.ROW_SEAL]
        self._sealed = sealed or {}
        self._outers: dict[Slot, Outer] = {}
        self._decoys: dict[Slot, tuple[bytes, ...]] = {}
        self._decoy_ids: tuple[bytes, ...] | None = None
        self.number = number
        self.index_id = key_ids[Purpose.INDEX]
        self.inner = inner

    @classmethod
    def of(
        cls,
        agent: KeyAgent,
        *,
        number: int,
        key_ids: Mapping[str, int],
        sealed: Mapping[Slot, int] | None = None,
    ) -> Self:
        """Take an epoch's keys from a key agent.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        inner = Inner.of_agent(
            agent, index_id=key_ids[Purpose.INDEX], attribute_id=key_ids[Purpose.ATTRIBUTE]
        )
        made = cls(agent, number=number, key_ids=key_ids, inner=inner, sealed=sealed)
        made.outer(_ANY)  # a key that is away is told now, and not in the middle of a change
        return made

    def outer(self, slot: Slot) -> Outer:
        """Give the outer layer of a slot."""
        found = self._outers.get(slot)
        if found is None:
            found = self._outers[slot] = Outer.of_agent(
                self._agent,
                epoch=self.number,
                token_id=self._token_id,
                seal_id=self._seal_id,
                table=TABLE,
                modality=slot.name,
                sealed=self._sealed.get(slot, 0),
            )
        return found

    def decoy_ids(self) -> tuple[bytes, ...]:
        """Give the record ids of the decoys, the same in every slot."""
        if self._decoy_ids is None:
            self._decoy_ids = tuple(self.inner.decoy_id(number) for number in range(DECOYS))
        return self._decoy_ids

    def decoys(self, slot: Slot) -> tuple[bytes, ...]:
        """Give the stored tokens of a slot's decoys."""
        found = self._decoys.get(slot)
        if found is None:
            found = self._decoys[slot] = tuple(self.outer(slot).tokens(self.decoy_ids()))
        return found
