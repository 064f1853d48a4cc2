"""Biometric references in a rotation: no feed holds them, and whoever changes them does so in both epochs.

 1 let the new epoch keep references, with decoys of its own; from then on every change goes to both  2 page by page, in
 a transaction that keeps changes out, bring what the new epoch lacks: of an outer rotation by the record id that the
 stored token gives, of an inner one by the pairs of record ids  3 what was brought already is passed over, so that a
 command that was killed goes on

So there is nothing to carry, and a flip or a revert finds both epochs alike.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from tokenizer.biometrics.reference import Reference, renamed
from tokenizer.biometrics.scheme import Suite
from verifier.reference.writer import lay_decoys, open_writer, today
from verifier.rotation.pace import Pace
from verifier.rotation.rotatable import Sampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tokenizer.biometrics.slot import Slot
    from verifier.reference.layer import Layer
    from verifier.reference.writer import Batch, ReferenceWriter
    from verifier.rotation.means import Means

PAGE: Final = 200
"""Rows that are brought in one transaction: some 400 kB of fingers."""
_Pairs = list[tuple[bytes, bytes]]
"""Old and new record id."""


class ReferencesHeld:
    """The references of a rotation's two epochs.

    Args:
        means: what is worked with.
    """

    name = "references"

    def __init__(self, means: Means) -> None:
        self._means = means
        self._source, self._target = means.there.source, means.there.target

    def move(self) -> None:
        """Bring every reference of the old epoch into the new one, under the same record id."""
        pace = Pace(self._means.rate)
        with self._opened() as writer:
            for slot in self._begun(writer):
                after = b""
                while found := writer.change(partial(self._moved, slot=slot, after=after)):
                    after, moved = found
                    pace.spend(moved)

    def _moved(self, batch: Batch, slot: Slot, after: bytes) -> tuple[bytes, int] | None:
        """Bring a page; returns its last token and how many rows it has, None at the end."""
        source, _ = self._layers(batch)
        rows = batch.changing.page(source.number, slot, after, PAGE)
        if not rows:
            return None
        nobody = frozenset(source.decoys(slot))
        own = [(token, box) for token, box in rows if token not in nobody]
        ids = source.outer(slot).record_ids([token for token, _ in own]) if own else []
        self._bring(batch, slot, [(r, r, box) for r, (_, box) in zip(ids, own, strict=True)])
        return rows[-1][0], len(rows)

    def _bring(self, batch: Batch, slot: Slot, found: Sequence[tuple[bytes, bytes, bytes]]) -> int:
        """Bring rows, by old record id, new one, and box, that the new epoch lacks; returns how many."""
        source, target = self._layers(batch)
        before, after = source.outer(slot), target.outer(slot)
        if not found:
            return 0
        tokens = after.tokens([new for _, new, _ in found])
        there = batch.changing.boxes(target.number, slot, tokens)
        lacking = [(each, token) for each, token in zip(found, tokens, strict=True) if token not in there]
        old = before.tokens([each[0] for each, _ in lacking]) if lacking else []
        contents = [
            renamed(before.open(at, box), new) for at, ((_, new, box), _) in zip(old, lacking, strict=True)
        ]
        new_tokens = [token for _, token in lacking]
        boxes = after.seal_many(new_tokens, contents)
        batch.changing.put(target.number, slot, dict(zip(new_tokens, boxes, strict=True)))
        return len(lacking)

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
            slots = writer.table.standing().slots(self._source)
            for slot in slots:
                count = max(1, people // len(slots))
                one, other = writer.change(partial(self._compared, slot=slot, count=count))
                drawn, differing = drawn + one, differing + other
        return Sampled(drawn=drawn, differing=differing)

    def _compared(self, batch: Batch, slot: Slot, count: int) -> tuple[int, int]:
        """Compare some rows of a slot, from a place that is drawn; returns how many, and how many differ."""
        here, there = self._layers(batch)
        if self._means.there.in_use == self._target:
            here, there = there, here
        nobody = frozenset(here.decoys(slot))
        rows = batch.changing.page(here.number, slot, secrets.token_bytes(16), count + len(nobody))
        own = [(token, box) for token, box in rows if token not in nobody][:count]
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
        """Bring what stands under old record ids under the new ones; returns how many rows.

        Args:
            pairs: old and new record id of everyone; not gone through where nothing is lacking.
        """
        renamed_rows = 0
        with self._opened() as writer:
            slots = self._begun(writer)
            old, new = writer.table.count(self._source), writer.table.count(self._target)
            lacking = [slot for slot in slots if old.get(slot, 0) > new.get(slot, 0)]
            if not lacking:
                return 0
            going = iter(pairs)
            while found := list(islice(going, PAGE)):
                renamed_rows += writer.change(partial(self._renamed, slots=lacking, found=found))
        return renamed_rows

    def _renamed(self, batch: Batch, slots: Sequence[Slot], found: _Pairs) -> int:
        source, _ = self._layers(batch)
        count = 0
        for slot in slots:
            tokens = source.outer(slot).tokens([old for old, _ in found])
            boxes = batch.changing.boxes(source.number, slot, tokens)
            rows = [
                (old, new, boxes[token])
                for token, (old, new) in zip(tokens, found, strict=True)
                if token in boxes
            ]
            count += self._bring(batch, slot, rows)
        return count

    def settle(self) -> None:
        """Do nothing: whoever changes references does so in both epochs."""

    def drop(self) -> int:
        """Drop nothing: in the new epoch stands only what leads to somebody, and the old one goes as a whole."""
        return 0

    @contextmanager
    def _opened(self) -> Iterator[ReferenceWriter]:
        with open_writer(self._means.agent, self._means.settings.vault_database) as writer:
            yield writer

    def _begun(self, writer: ReferenceWriter) -> list[Slot]:
        """Let the new epoch keep references of what the old one does; returns these slots."""
        slots = writer.table.standing().slots(self._source)
        for slot in slots:
            writer.change(
                partial(self._begin, slot=slot)
            )  # written down, so that its keys are taken at the next
            writer.change(partial(self._begin, slot=slot))
        return slots

    def _begin(self, batch: Batch, slot: Slot) -> None:
        by_number = {layer.number: layer for layer in batch.layers}
        batch.changing.keep(self._target, [slot])
        if self._target in by_number:
            _lay_like(batch, by_number[self._source], by_number[self._target], slot)

    def _layers(self, batch: Batch) -> tuple[Layer, Layer]:
        by_number = {layer.number: layer for layer in batch.layers}
        return by_number[self._source], by_number[self._target]


def _lay_like(batch: Batch, source: Layer, target: Layer, slot: Slot) -> None:
    """Lay decoys down in an epoch that have the shape of another one's."""
    token = source.decoys(slot)[0]
    box = batch.changing.boxes(source.number, slot, [token])[token]
    model = Reference.decode(source.outer(slot).open(token, box))
    suite = Suite(name="", number=model.suite, modality=slot.modality, size=len(model.protected))
    lay_decoys(batch.changing, target, slot, suite, key_id=model.key_id, day=today())
