"""References brought from one epoch into another, page by page, each page in a transaction that keeps changes out.

1 let the other epoch keep references, with decoys of its own; from then on every change goes to both  2 bring what it
lacks, by the record id that the stored token gives, or by pairs of record ids  3 pass over what was brought already,
so that a command that was killed goes on
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from keys.errors import KeyDestroyedError
from tokenizer.biometrics.reference import Reference, renamed
from tokenizer.biometrics.scheme import Suite
from verifier.reference.writer import lay_decoys, today

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from tokenizer.biometrics.slot import Slot
    from verifier.reference.layer import Layer
    from verifier.reference.writer import Batch, ReferenceWriter

PAGE: Final = 200
"""Rows that are brought in one transaction: some 400 kB of fingers."""
_Pairs = list[tuple[bytes, bytes]]
"""Old and new record id."""


class Moving:
    """Brings references.

    Args:
        source: number of the epoch that has them.
        target: number of the other one.
        only: picks the record ids of which references are brought; None for all.
    """

    def __init__(
        self, source: int, target: int, *, only: Callable[[Sequence[bytes]], Collection[bytes]] | None = None
    ) -> None:
        self.source = source
        self.target = target
        self._only = only

    def begin(self, writer: ReferenceWriter) -> list[Slot]:
        """Let the other epoch keep references of what the one has; returns these slots."""
        slots = writer.table.standing().slots(self.source)
        for slot in slots:
            writer.change(
                partial(self._begin, slot=slot)
            )  # written down, so that its keys are taken at the next
            writer.change(partial(self._begin, slot=slot))
        return slots

    def move(self, writer: ReferenceWriter, moved: Callable[[int], object] = lambda _rows: None) -> None:
        """Bring everything under the same record id; tells how many rows each page has."""
        for slot in self.begin(writer):
            after = b""
            while found := writer.change(partial(self._page, slot=slot, after=after)):
                after, rows = found
                moved(rows)

    def rename(self, writer: ReferenceWriter, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Bring what stands under old record ids under the new ones; returns how many rows.

        Args:
            writer: changes references.
            pairs: old and new record id of everyone; not gone through where nothing is lacking.
        """
        slots = self.begin(writer)
        old, new = writer.table.counts(self.source, self.target)
        lacking = [slot for slot in slots if old.get(slot, 0) > new.get(slot, 0)]
        if not lacking:
            return 0
        brought, going = 0, iter(pairs)
        while found := list(islice(going, PAGE)):
            brought += writer.change(partial(self._renamed, slots=lacking, found=found))
        return brought

    def layers(self, batch: Batch) -> tuple[Layer, Layer]:
        """Give the keys of both epochs.

        Raises:
            KeyDestroyedError: nobody can read one of them any more.
        """
        by_number = {layer.number: layer for layer in batch.layers}
        for number in (self.source, self.target):
            if number not in by_number:
                raise KeyDestroyedError(
                    f"the keys of epoch {number} were destroyed, and its references with them"
                )
        return by_number[self.source], by_number[self.target]

    def _begin(self, batch: Batch, slot: Slot) -> None:
        batch.changing.keep(self.target, [slot])
        if self.target in batch.standing.keeping:
            _lay_like(batch, *self.layers(batch), slot)

    def _page(self, batch: Batch, slot: Slot, after: bytes) -> tuple[bytes, int] | None:
        """Bring a page; returns its last token and how many rows it has, None at the end."""
        source, _ = self.layers(batch)
        rows = batch.changing.page(source.number, slot, after, PAGE)
        if not rows:
            return None
        nobody = frozenset(source.decoys(slot))
        own = [(token, box) for token, box in rows if token not in nobody]
        ids = source.outer(slot).record_ids([token for token, _ in own]) if own else []
        chosen = set(ids) if self._only is None else set(self._only(ids))
        self._bring(batch, slot, [(r, r, box) for r, (_, box) in zip(ids, own, strict=True) if r in chosen])
        return rows[-1][0], len(rows)

    def _renamed(self, batch: Batch, slots: Sequence[Slot], found: _Pairs) -> int:
        source, _ = self.layers(batch)
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

    def _bring(self, batch: Batch, slot: Slot, found: Sequence[tuple[bytes, bytes, bytes]]) -> int:
        """Bring rows, by old record id, new one, and box, that the other epoch lacks; returns how many."""
        if not found:
            return 0
        source, target = self.layers(batch)
        before, after = source.outer(slot), target.outer(slot)
        tokens = after.tokens([new for _, new, _ in found])
        there = batch.changing.boxes(target.number, slot, tokens)
        lacking = [(each, token) for each, token in zip(found, tokens, strict=True) if token not in there]
        if not lacking:
            return 0
        old = before.tokens([each[0] for each, _ in lacking])
        contents = [
            renamed(before.open(at, box), new) for at, ((_, new, box), _) in zip(old, lacking, strict=True)
        ]
        new_tokens = [token for _, token in lacking]
        boxes = after.seal_many(new_tokens, contents)
        batch.changing.put(target.number, slot, dict(zip(new_tokens, boxes, strict=True)))
        return len(lacking)


def _lay_like(batch: Batch, source: Layer, target: Layer, slot: Slot) -> None:
    """Lay decoys down in an epoch that have the shape of another one's."""
    token = source.decoys(slot)[0]
    box = batch.changing.boxes(source.number, slot, [token])[token]
    model = Reference.decode(source.outer(slot).open(token, box))
    suite = Suite(name="", number=model.suite, modality=slot.modality, size=len(model.protected))
    lay_decoys(batch.changing, target, slot, suite, key_id=model.key_id, day=today())
