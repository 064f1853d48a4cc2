"""What the service keeps of a resident to whom a token was issued, found from any token: one row of constant size.

Content, 192 bytes: format u8 = 1 | r 16 | M 32 | survivor 32 | 3 predecessors of 32 | presence u8 | reserved 14. The
survivor is the M of the number that this one was merged into or changed to, the predecessors are those that became
this one; what is absent is random, and presence says by a bit each what is there, the survivor's the lowest. The row is
one of `tokenizer.besiderow`, of construction "token".
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from padan.group import ELEMENT_SIZE
from padan.value import value
from tokenizer.besiderow import CONTENT_SIZE
from tokenizer.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenizer.besiderow import BesideRows

TABLE: Final = "token"
PREDECESSORS: Final = 3
_FORMAT: Final = 1
_CONTENT: Final = struct.Struct(f">B16s{(2 + PREDECESSORS) * ELEMENT_SIZE}sB14s")


@value
class TokenRow:
    """What is kept of one resident.

    Attributes:
        record_id: the record's inner name r, 16 bytes.
        element: M, 32 bytes.
        survivor: the M under which the resident goes on; empty where it is this one.
        predecessors: the M of numbers that became this one, at most three, the newest first.
    """

    record_id: bytes
    element: bytes
    survivor: bytes = b""
    predecessors: tuple[bytes, ...] = ()

    def encode(self, random: Callable[[int], bytes] = os.urandom) -> bytes:
        """Write it, 192 bytes; what is absent is random."""
        others = [self.survivor, *self.predecessors]
        others += [b""] * (1 + PREDECESSORS - len(others))
        there = sum(bool(each) << place for place, each in enumerate(others))
        filled = b"".join(each or random(ELEMENT_SIZE) for each in others)
        return _CONTENT.pack(_FORMAT, self.record_id, self.element + filled, there, random(14))

    @classmethod
    def decode(cls, content: bytes) -> TokenRow:
        """Read it.

        Raises:
            RecordError: of another format or size.
        """
        if len(content) != CONTENT_SIZE or content[0] != _FORMAT:
            raise RecordError("a token's row is of another format")
        _, record_id, elements, there, _ = _CONTENT.unpack(content)
        element, *others = (elements[at : at + ELEMENT_SIZE] for at in range(0, len(elements), ELEMENT_SIZE))
        kept = [each if there >> place & 1 else b"" for place, each in enumerate(others)]
        return cls(
            record_id=record_id,
            element=element,
            survivor=kept[0],
            predecessors=tuple(filter(None, kept[1:])),
        )

    def __repr__(self) -> str:
        return "TokenRow(<redacted>)"


class TokenRows:
    """Finds, opens and seals the rows of residents.

    Args:
        rows: of the table.
    """

    def __init__(self, rows: BesideRows) -> None:
        self._rows = rows
        self.names = rows.names
        self.is_current = rows.is_current

    def seal(self, row: TokenRow) -> tuple[bytes, bytes]:
        """Seal a row whose elements are of the primary match key; gives its name and the box."""
        return self._rows.seal(row.encode(), row.element)

    def open(self, name: bytes, box: bytes) -> TokenRow:
        """Open a row, whose elements are given under the primary match key.

        Raises:
            BoxError: it does not open, or names a key that is no more.
            RecordError: it is of another format.
        """
        content, turn = self._rows.open(name, box)
        row = TokenRow.decode(content)
        return TokenRow(
            record_id=row.record_id,
            element=turn(row.element),
            survivor=turn(row.survivor) if row.survivor else b"",
            predecessors=tuple(map(turn, row.predecessors)),
        )
