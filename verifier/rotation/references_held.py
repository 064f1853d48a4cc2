"""Biometric references in a rotation: no feed holds them, and whoever changes them does so in both epochs.

An outer rotation brings every row by the record id that its stored token gives, an inner one by the pairs of record ids
(verifier.reference.moving). From the first row on every change goes to both epochs, so there is nothing to carry, and a
flip or a revert finds both alike.
"""

from __future__ import annotations

import hmac
import secrets
from functools import partial
from typing import TYPE_CHECKING

from verifier.reference.moving import Moving
from verifier.reference.writer import open_writer
from verifier.rotation.pace import Pace
from verifier.rotation.rotatable import Sampled

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from tokenizer.biometrics.slot import Slot
    from verifier.reference.writer import Batch, ReferenceWriter
    from verifier.rotation.means import Means


class ReferencesHeld:
    """The references of a rotation's two epochs.

    Args:
        means: what is worked with.
    """

    name = "references"

    def __init__(self, means: Means) -> None:
        self._means = means
        self._moving = Moving(means.there.source, means.there.target)

    def move(self) -> None:
        """Bring every reference of the old epoch into the new one, under the same record id."""
        with self._opened() as writer:
            self._moving.move(writer, Pace(self._means.rate).spend)

    def carry(self) -> int:
        """Do nothing: every change is made in both epochs."""
        return 0

    def sample(self, people: int) -> Sampled:
        """Draw references of the epoch in use, open them in both, and compare.

        Args:
            people: how many are drawn, of all slots together.
        """
        drawn = differing = 0
        with self._opened() as writer:
            slots = writer.table.standing().slots(self._means.there.in_use)
            for slot in slots:
                count = max(1, people // len(slots))
                one, other = writer.change(partial(self._compared, slot=slot, count=count))
                drawn, differing = drawn + one, differing + other
        return Sampled(drawn=drawn, differing=differing)

    def _compared(self, batch: Batch, slot: Slot, count: int) -> tuple[int, int]:
        """Compare some rows of a slot, from a drawn place on and round; returns how many, and how many differ."""
        here, there = self._moving.layers(batch)
        if self._means.there.in_use == there.number:
            here, there = there, here
        nobody = frozenset(here.decoys(slot))
        limit = count + len(nobody)
        rows = dict(batch.changing.page(here.number, slot, secrets.token_bytes(16), limit))
        if len(rows) < limit:
            rows |= batch.changing.page(here.number, slot, b"", limit - len(rows))
        own = [(token, box) for token, box in rows.items() if token not in nobody][:count]
        if not own:
            return 0, 0
        tokens = there.outer(slot).tokens(here.outer(slot).record_ids([token for token, _ in own]))
        boxes = batch.changing.boxes(there.number, slot, tokens)
        same = sum(
            other in boxes
            and hmac.compare_digest(
                here.outer(slot).open(token, box), there.outer(slot).open(other, boxes[other])
            )
            for (token, box), other in zip(own, tokens, strict=True)
        )
        return len(own), len(own) - same

    def rename(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Bring what stands under old record ids under the new ones; returns how many rows."""
        with self._opened() as writer:
            return self._moving.rename(writer, pairs)

    def before_flip(self, pairs: Iterable[tuple[bytes, bytes]] | None = None) -> int:
        """Bring those of people whom an inner rotation's source lacks and a feed has brought since."""
        return 0 if pairs is None else self.rename(pairs)

    def settle(self) -> None:
        """Do nothing: whoever changes references does so in both epochs."""

    def drop(self) -> int:
        """Drop nothing: in the new epoch stands only what leads to somebody, and the old one goes as a whole."""
        return 0

    def _opened(self) -> AbstractContextManager[ReferenceWriter]:
        return open_writer(self._means.agent, self._means.settings.vault_database)
