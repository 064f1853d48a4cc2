"""Comparison of two records of one person: what they should hold, and what they hold. Pure.

What is random in a record, such as the place of an attribute that is not held, is never looked at, nor is what a source
of people does not say: the revision and the restriction of a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tokenizer import record as layout
from tokenizer.attribute import SLOTS, Attribute
from tokenizer.dates import LEVELS
from tokenizer.suite import SUITE

if TYPE_CHECKING:
    from tokenizer.record import Record

STANDING: Final = 1 << SLOTS
"""Bit of the record's standing: in use or not."""
HANDLES: Final = 1 << (SLOTS + 1)
"""Bit of the names under which the person stands in the log and in budgets."""
NAMES: Final = (*(Attribute(slot + 1).name.lower() for slot in range(SLOTS)), "standing", "handles")
"""What is compared, by bit."""


class Masks(NamedTuple):
    """What of two records differs, a bit for each of `NAMES`.

    Attributes:
        only_source: held by the source alone.
        only_vault: held by the vault alone.
        value: held by both, and not the same.
    """

    only_source: int
    only_vault: int
    value: int


SAME: Final = Masks(0, 0, 0)


def _parts(slot: int) -> tuple[slice, ...]:
    """List where the values of an attribute stand in a record."""
    attribute, token = Attribute(slot + 1), layout.TOKEN_SIZE
    parts = [(layout.EXACT_AT + slot * token, token)]
    for places in (layout.TOLERANT_AT, layout.GUARD_AT, layout.JOINED_AT):
        parts += [(places[attribute], token)] if attribute in places else []
    if attribute in layout.COUNT_AT:
        parts.append((layout.COUNT_AT[attribute], layout.COUNT_SIZE))
    if attribute in layout.FILTER_AT:
        parts.append((layout.FILTER_AT[attribute], SUITE.filters[attribute].size))
    if attribute is Attribute.BIRTH_DATE:
        parts.append((layout.DYADIC_AT, LEVELS * token))
    return tuple(slice(at, at + size) for at, size in parts)


_PARTS: Final = tuple((1 << slot, part) for slot in range(SLOTS) for part in _parts(slot))
_HANDLES: Final = slice(layout.HANDLES_AT, layout.HANDLES_AT + 3 * layout.HANDLE_SIZE)


def compare(wanted: Record, held: Record) -> Masks:
    """Compare what a source's row becomes with what the vault holds of the person.

    Args:
        wanted: the row, projected under the epoch's keys.
        held: the vault's record of the same person.
    """
    ours, theirs = wanted.pack(), held.pack()
    both, value = wanted.presence & held.presence, 0
    for bit, part in _PARTS:
        if both & bit and ours[part] != theirs[part]:
            value |= bit
    if wanted.active != held.active:
        value |= STANDING
    if ours[_HANDLES] != theirs[_HANDLES]:
        value |= HANDLES
    return Masks(wanted.presence & ~held.presence, held.presence & ~wanted.presence, value)
