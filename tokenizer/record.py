"""The plaintext of a stored row: constant size, absent slots random, format byte first.

Layout of format 1 (integers big-endian), 965 bytes:

    format u8 = 1 | r 16 | presence u32, bit n = slot n | 21 exact tokens of 8, by slot
    | 4 tolerant tokens of 8 (name, mother's name, birth place, address)
    | 2 guard tokens of 8, 2 joined tokens of 8, 2 word-count tokens of 2 (name, mother's name)
    | 17 dyadic tokens of 8 (birth date, prefix lengths 0 to 16)
    | filters: name 128, mother's name 128, birth place 64, address 128
    | handles of 16: log, budget subject, budget prefix | feed revision u64 | flags u32 | reserved 64

Everything that the registry does not hold of a person is random, and so are the reserved bytes, so that a later format
cannot be told from the size and nobody can rely on zeros. Sealed, with format byte, nonce and tag, a row has 994 bytes.
"""

from __future__ import annotations

import enum
import struct
from typing import Final, NoReturn

from padan.value import value
from tokenizer.attribute import SLOTS, TEXT_ATTRIBUTES, Attribute
from tokenizer.dates import LEVELS
from tokenizer.errors import RecordError
from tokenizer.suite import SUITE

FORMAT: Final = 1
ID_SIZE: Final = 16
TOKEN_SIZE: Final = 8
COUNT_SIZE: Final = 2
HANDLE_SIZE: Final = 16
RESERVED_SIZE: Final = 64

GUARDED: Final = tuple(attribute for attribute in TEXT_ATTRIBUTES if SUITE.filters[attribute].guarded)

ID_AT: Final = 1
PRESENCE_AT: Final = ID_AT + ID_SIZE
EXACT_AT: Final = PRESENCE_AT + 4
_TOLERANT = EXACT_AT + SLOTS * TOKEN_SIZE
_GUARD = _TOLERANT + len(TEXT_ATTRIBUTES) * TOKEN_SIZE
_JOINED = _GUARD + len(GUARDED) * TOKEN_SIZE
_COUNT = _JOINED + len(GUARDED) * TOKEN_SIZE
DYADIC_AT: Final = _COUNT + len(GUARDED) * COUNT_SIZE
_FILTER = DYADIC_AT + LEVELS * TOKEN_SIZE


def _filter_offsets() -> dict[Attribute, int]:
    offsets, at = {}, _FILTER
    for attribute in TEXT_ATTRIBUTES:
        offsets[attribute] = at
        at += SUITE.filters[attribute].size
    return offsets


TOLERANT_AT: Final = {a: _TOLERANT + n * TOKEN_SIZE for n, a in enumerate(TEXT_ATTRIBUTES)}
GUARD_AT: Final = {a: _GUARD + n * TOKEN_SIZE for n, a in enumerate(GUARDED)}
JOINED_AT: Final = {a: _JOINED + n * TOKEN_SIZE for n, a in enumerate(GUARDED)}
COUNT_AT: Final = {a: _COUNT + n * COUNT_SIZE for n, a in enumerate(GUARDED)}
FILTER_AT: Final = _filter_offsets()
HANDLES_AT: Final = _FILTER + sum(suite.size for suite in SUITE.filters.values())
REVISION_AT: Final = HANDLES_AT + 3 * HANDLE_SIZE
FLAGS_AT: Final = REVISION_AT + 8
SIZE: Final = FLAGS_AT + 4 + RESERVED_SIZE

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")


class Flag(enum.IntFlag):
    """Standing of a record."""

    NOT_ACTIVE = 1
    """The resident is not alive, or the record is not in use; answers say so without the reason."""
    RESTRICTED = 2
    """Reserved for residents' rights: processing is restricted."""


_NOT_ACTIVE: Final = int(Flag.NOT_ACTIVE)


@value
class Handles:
    """Names of a person that outlive index rotations, 16 bytes each."""

    log: bytes
    budget_subject: bytes
    budget_prefix: bytes

    def __repr__(self) -> str:
        return "Handles(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("handles are not pickled")


class Record:
    """An opened row, or one about to be sealed; reads its fields where they lie."""

    __slots__ = ("_plain", "presence")

    def __init__(self, plain: bytes) -> None:
        self._plain = plain
        (self.presence,) = _U32.unpack_from(plain, PRESENCE_AT)

    @classmethod
    def unpack(cls, plain: bytes) -> Record:
        """Read a plaintext.

        Raises:
            RecordError: another format or size.
        """
        if len(plain) != SIZE or plain[0] != FORMAT:
            raise RecordError("a stored row has an unknown format or size")
        return cls(plain)

    def pack(self) -> bytes:
        """Return the plaintext, `SIZE` bytes."""
        return self._plain

    @property
    def r(self) -> bytes:
        """The record id r, 16 bytes."""
        return self._plain[ID_AT:PRESENCE_AT]

    @property
    def handles(self) -> Handles:
        """The three handles."""
        at = HANDLES_AT
        return Handles(
            log=self._plain[at : at + 16],
            budget_subject=self._plain[at + 16 : at + 32],
            budget_prefix=self._plain[at + 32 : at + 48],
        )

    @property
    def revision(self) -> int:
        """The registry feed's revision of this person; 0 from a full load."""
        return int(_U64.unpack_from(self._plain, REVISION_AT)[0])

    @property
    def flags(self) -> Flag:
        """The record's standing; bits that this version does not know are dropped."""
        return Flag(_U32.unpack_from(self._plain, FLAGS_AT)[0] & (Flag.NOT_ACTIVE | Flag.RESTRICTED))

    @property
    def active(self) -> bool:
        """Whether the record is in use; what `flags` says, without building them."""
        return not _U32.unpack_from(self._plain, FLAGS_AT)[0] & _NOT_ACTIVE

    def holds(self, slot: int) -> bool:
        """Say whether the registry holds the attribute of a slot."""
        return bool(self.presence >> slot & 1)

    def at(self, offset: int, size: int = TOKEN_SIZE) -> bytes:
        """Return the token at an offset."""
        return self._plain[offset : offset + size]

    def exact(self, slot: int) -> bytes:
        """Return a slot's exact token, 8 bytes."""
        return self.at(EXACT_AT + slot * TOKEN_SIZE)

    def dyadic(self, level: int) -> bytes:
        """Return the token of the birth day's prefix of a length, 8 bytes."""
        return self.at(DYADIC_AT + level * TOKEN_SIZE)

    def filter(self, attribute: Attribute) -> int:
        """Return a text attribute's filter."""
        at = FILTER_AT[attribute]
        return int.from_bytes(self._plain[at : at + SUITE.filters[attribute].size], "big")

    def with_standing(self, *, revision: int, flags: Flag) -> Record:
        """Return a copy with another feed revision and other flags."""
        plain = bytearray(self._plain)
        _U64.pack_into(plain, REVISION_AT, revision)
        _U32.pack_into(plain, FLAGS_AT, flags)
        return Record(bytes(plain))

    def __repr__(self) -> str:
        return "Record(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a record is not pickled; seal it")
