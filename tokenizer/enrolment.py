"""Members of enrolment sets: who is enrolled in a class by a programme, as rows of constant size that name nobody.

Content, 208 bytes: format u8 = 1 | M 32 | first day u32 | last day u32 | class 64 | domain 64 | reserved 39. Both texts
have a byte of length before them and zeros behind. The row is one of `tokenizer.besiderow`, of construction
"enrolment", whose name holds the class and the programme's token domain, each with its u16 length: only the
programme's own calls reach its members, and two programmes that enrol a resident in one class share nothing. Days are
those of the Unix epoch in log time; the last one of an enrolment without an end is 2^32 - 1.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, Self

from keys.purpose import Purpose
from keys.secret import Secret
from padan.canonical import prefixed
from padan.value import value
from tokenizer.besiderow import CONTENT_SIZE, BesideRows
from tokenizer.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.realm import Realm
    from keys.tokenkeys import TokenKeys
    from tokenizer.token import Quotients

TABLE: Final = "enrolment"
MAKING: Final = (Purpose.MATCH_DOMAIN, Purpose.SET, Purpose.ROW_SEAL)
"""Purposes of the keys under which new rows stand."""
FOREVER: Final = 2**32 - 1
_FORMAT: Final = 1
_TEXT: Final = 63
_CONTENT: Final = struct.Struct(">B32sII64p64p39s")


@value
class Enrolment:
    """One resident in one class, by one programme.

    Attributes:
        element: M, 32 bytes.
        category: name of the class.
        domain: the programme's token domain.
        first: day from which on it counts.
        last: last day; `FOREVER` without an end.
    """

    element: bytes
    category: str
    domain: str
    first: int
    last: int

    def counts_on(self, day: int) -> bool:
        """Say whether the resident is enrolled on a day."""
        return self.first <= day <= self.last

    def encode(self, random: Callable[[int], bytes] = os.urandom) -> bytes:
        """Write it, 208 bytes."""
        category, domain = self.category.encode(), self.domain.encode()
        if max(len(category), len(domain)) > _TEXT:
            raise RecordError("the name of a class or domain has at most 63 bytes")
        return _CONTENT.pack(_FORMAT, self.element, self.first, self.last, category, domain, random(39))

    @classmethod
    def decode(cls, content: bytes) -> Enrolment:
        """Read it.

        Raises:
            RecordError: of another format or size.
        """
        if len(content) != CONTENT_SIZE or content[0] != _FORMAT:
            raise RecordError("an enrolment's row is of another format")
        _, element, first, last, category, domain, _ = _CONTENT.unpack(content)
        return cls(
            element=element, category=category.decode(), domain=domain.decode(), first=first, last=last
        )

    def __repr__(self) -> str:
        return "Enrolment(<redacted>)"


def join(newer: Enrolment, older: Enrolment) -> Enrolment:
    """Make one of two members of one name: a programme that enrols again gives new days."""
    del older
    return newer


class Enrolments(Secret):
    """Names, opens and seals members.

    Args:
        rows: of the table.
    """

    __slots__ = ("_rows", "is_current")

    def __init__(self, rows: BesideRows) -> None:
        self._rows = rows
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
                index=held.macs(Purpose.SET),
                seal=held.table(TABLE),
                quotients=quotients,
            )
        )

    def names(self, category: str, domain: str, element: bytes) -> tuple[bytes, ...]:
        """Compute under which names a member may stand, the one for new rows first.

        Args:
            category: the class.
            domain: the programme's token domain.
            element: M under the primary match key.
        """
        return self._rows.names(element, prefixed(category, domain))

    def seal(self, row: Enrolment) -> tuple[bytes, bytes]:
        """Seal a member whose element is of the primary match key; gives name and box."""
        front = prefixed(row.category, row.domain)
        return self._rows.seal(row.encode(), row.element, front)

    def open(self, name: bytes, box: bytes) -> Enrolment:
        """Open a member, whose element is given under the primary match key.

        Raises:
            BoxError: it does not open, or names a key that is no more.
            RecordError: it is of another format.
        """
        content, turn = self._rows.open(name, box)
        found = Enrolment.decode(content)
        return Enrolment(
            element=turn(found.element),
            category=found.category,
            domain=found.domain,
            first=found.first,
            last=found.last,
        )
