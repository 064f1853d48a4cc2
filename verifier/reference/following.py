"""References of numbers that change hands, as a feed tells it, in every epoch that keeps references.

A number that was changed, or merged into another one, leads to a resident who has another number: what stands under it
moves there, position by position, where the resident has nothing of the position, and the rest goes. A number that was
erased, or is held no longer, keeps nothing: whoever comes back is enrolled anew.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

from verifier.reference.table import AT_ONCE
from verifier.token.transfer import Hand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Connection

    from verifier.reference.layer import Layer
    from verifier.reference.writer import Batch, ReferenceWriter
    from verifier.token.transfer import Transfer

_GONE: Final = frozenset({Hand.ERASED, Hand.LEFT})
_STAYING: Final = frozenset({Hand.OWN, Hand.KEPT})


class ReferenceTransfers:
    """Lets references follow, each batch in one transaction. For one thread.

    Args:
        writer: changes references.
    """

    def __init__(self, writer: ReferenceWriter) -> None:
        self._writer = writer

    def joining(self, transfers: Sequence[Transfer]) -> Callable[[Connection], None] | None:
        """Let the references of a batch's numbers follow, in order, in the transaction that makes its rows visible.

        Not before it: whoever enrols somebody looks at the rows, and stores, under the lock that this transaction
        holds. So a reference is stored before it, and follows, or after it, when its rows say whose number it is.

        Returns:
            What is to be called in the transaction, and may raise StandingMovedError there; None for nothing.

        Raises:
            VaultUnavailableError: the vault failed.
            KeysError: a key is missing or may not be used.
        """
        told = [each for each in transfers if each.hand not in _STAYING]
        return self._writer.joining(partial(_follow, told=told)) if told else None

    def take(self, transfers: Sequence[Transfer]) -> None:
        """Let references follow in a transaction of their own; what was done before changes nothing.

        Raises:
            BoxError: a row does not open.
            VaultUnavailableError: the vault failed; nothing was changed.
            KeysError: a key is missing or may not be used.
        """
        told = [each for each in transfers if each.hand not in _STAYING]
        if told and self._writer.table.is_used():
            self._writer.change(partial(_follow, told=told))


def _follow(batch: Batch, told: Sequence[Transfer]) -> None:
    for goes, several in groupby(told, key=lambda each: each.hand in _GONE):
        if goes:
            slots = {slot for layer in batch.layers for slot in batch.slots(layer)}
            batch.withdraw([each.number for each in several], sorted(slots))
            continue
        for each in several:
            if each.number != each.own:
                batch.move(each.number, each.own)


def forget(writer: ReferenceWriter, number: int, record_ids: Iterable[bytes]) -> int:
    """Delete what stands under record ids in one epoch, of people who were erased; returns how many rows."""
    gone = sorted(set(record_ids))
    if not gone or not writer.table.keeps(number):
        return 0
    parts = (gone[start : start + AT_ONCE] for start in range(0, len(gone), AT_ONCE))
    return sum(writer.change(partial(_forget, number=number, gone=part)) for part in parts)


def _forget(batch: Batch, *, number: int, gone: Sequence[bytes]) -> int:
    layers: list[Layer] = [each for each in batch.layers if each.number == number]
    return sum(batch.withdraw_ids(layer, slot, gone) for layer in layers for slot in batch.slots(layer))
