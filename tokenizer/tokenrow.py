"""What the service keeps of a resident to whom a token was issued, found from any token: one row of constant size.

Content, 208 bytes: format u8 = 1 | 2 names of (u32 id of the index key | r 16) | M 32 | survivor 32 | 3 predecessors of
32 | presence u8 | reserved 6. The row is one of `tokenizer.besiderow`, of construction "token".

The resident's record has the name r under the index key of an epoch, so that a row has two while an inner rotation is
under way; one of zeros says that the epoch holds nobody here. The survivor is the M of the number that this one was
merged into or changed to; the predecessors are those that became this one, the newest first. What is absent is random,
and presence says by a bit each what is there: the survivor (the lowest), the predecessors, the names. A row with a
survivor lists further predecessors of that one, so that none is lost for want of room (verifier.token.lineage).
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, Self

from keys.purpose import Purpose
from keys.secret import Secret
from padan.group import ELEMENT_SIZE
from padan.value import value
from tokenizer.besiderow import CONTENT_SIZE, BesideRows
from tokenizer.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.realm import Realm
    from keys.tokenkeys import TokenKeys
    from tokenizer.token import Quotients

TABLE: Final = "token"
MAKING: Final = (Purpose.MATCH_DOMAIN, Purpose.TOKEN_INDEX, Purpose.ROW_SEAL)
"""Purposes of the keys under which new rows stand."""
PREDECESSORS: Final = 3
NAMES: Final = 2
NOBODY: Final = bytes(16)
"""In the place of r: the epoch holds nobody under the number."""
Named = tuple[int, bytes]
"""Id of an epoch's index key, and the record's name under it."""
_FORMAT: Final = 1
_RESERVED: Final = 6
_NAME: Final = struct.Struct(">I16s")
_CONTENT: Final = struct.Struct(f">B{NAMES * _NAME.size}s{(2 + PREDECESSORS) * ELEMENT_SIZE}sB{_RESERVED}s")


@value
class TokenRow:
    """What is kept of one resident.

    Attributes:
        records: the record's names, one or two.
        element: M, 32 bytes.
        survivor: the M under which the resident goes on; empty where it is this one.
        predecessors: the M of numbers that became this one, or of the survivor's, at most three, the newest first.
    """

    records: tuple[Named, ...]
    element: bytes
    survivor: bytes = b""
    predecessors: tuple[bytes, ...] = ()

    def record_id(self, index_id: int) -> bytes | None:
        """Give the record's name r under an index key, or `NOBODY`; None where the row does not know it."""
        return next((name for key_id, name in self.records if key_id == index_id), None)

    def encode(self, random: Callable[[int], bytes] = os.urandom) -> bytes:
        """Write it, 208 bytes; what is absent is random."""
        others = [self.survivor, *self.predecessors]
        others += [b""] * (1 + PREDECESSORS - len(others))
        records = [_NAME.pack(*each) for each in self.records]
        records += [b""] * (NAMES - len(records))
        there = sum(bool(each) << place for place, each in enumerate([*others, *records]))
        filled = b"".join(each or random(ELEMENT_SIZE) for each in others)
        names = b"".join(each or random(_NAME.size) for each in records)
        return _CONTENT.pack(_FORMAT, names, self.element + filled, there, random(_RESERVED))

    @classmethod
    def decode(cls, content: bytes) -> TokenRow:
        """Read it.

        Raises:
            RecordError: of another format or size.
        """
        if len(content) != CONTENT_SIZE or content[0] != _FORMAT:
            raise RecordError("a token's row is of another format")
        _, names, elements, there, _ = _CONTENT.unpack(content)
        element, *others = (elements[at : at + ELEMENT_SIZE] for at in range(0, len(elements), ELEMENT_SIZE))
        kept = [each if there >> place & 1 else b"" for place, each in enumerate(others)]
        named = enumerate(_NAME.iter_unpack(names), len(others))
        return cls(
            records=tuple((key_id, name) for place, (key_id, name) in named if there >> place & 1),
            element=element,
            survivor=kept[0],
            predecessors=tuple(filter(None, kept[1:])),
        )

    def __repr__(self) -> str:
        return "TokenRow(<redacted>)"


def join(newer: TokenRow, older: TokenRow) -> TokenRow:
    """Make one of two rows of one number, of which one stands under an older name.

    What knows of a survivor or of predecessors counts, for what was written without a look at the other knows of none.
    """
    known = older if older.survivor or older.predecessors else newer
    return TokenRow(
        records=known.records,
        element=newer.element,
        survivor=known.survivor,
        predecessors=known.predecessors,
    )


class TokenRows(Secret):
    """Finds, opens and seals the rows of residents.

    Args:
        rows: of the table.
    """

    __slots__ = ("_rows", "is_current", "names")

    def __init__(self, rows: BesideRows) -> None:
        self._rows = rows
        self.names = rows.names
        self.is_current = rows.is_current

    @classmethod
    def of(cls, realm: Realm, held: TokenKeys, quotients: Quotients) -> Self:
        """Take the keys from a key agent.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        return cls(
            BesideRows(
                realm,
                TABLE,
                match=held.match(),
                index=held.macs(Purpose.TOKEN_INDEX),
                seal=held.table(TABLE),
                quotients=quotients,
                makes=held.makes(*MAKING),
            )
        )

    def seal(self, row: TokenRow) -> tuple[bytes, bytes]:
        """Seal a row whose elements are of the primary match key; gives its name and the box.

        Raises:
            IssuingOverError: the time of a key to make new rows is over.
        """
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
            records=row.records,
            element=turn(row.element),
            survivor=turn(row.survivor) if row.survivor else b"",
            predecessors=tuple(map(turn, row.predecessors)),
        )
