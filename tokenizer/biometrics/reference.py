"""What lies in the box of a reference: a protected template, and what its key is derived from.

    format u8 = 1 | suite u16 | extractor 8 | biometric key id u32 | b 16 | renewal u32 | r 16 | day u32 | reserved 16 |
    protected template, as many bytes as the suite says

The size is the same for every reference of a suite; docs/formats/reference.md has it to the byte. A decoy is one whose
protected template, b and day are random, and whose r is a decoy's.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, Final, NoReturn

from keys.templatekey import DRAW_SIZE
from padan.biometric.template import EXTRACTOR
from padan.canonical import prefixed
from padan.value import value
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenizer.biometrics.scheme import Suite

FORMAT: Final = 1
TABLE: Final = "reference"
RECORD_ID_SIZE: Final = 16
DIGEST_SIZE: Final = 8
"""Bytes of an extractor's digest."""
_RESERVED: Final = 16
_HEAD: Final = struct.Struct(f">BH{DIGEST_SIZE}sI{DRAW_SIZE}sI{RECORD_ID_SIZE}sI{_RESERVED}s")
HEAD_SIZE: Final = _HEAD.size
"""Bytes before the protected template, 71."""
_R_AT: Final = 1 + 2 + DIGEST_SIZE + 4 + DRAW_SIZE + 4
_YEARS: Final = 20 * 365


@value
class Reference:
    """One reference.

    Attributes:
        suite: number of the suite that protects it.
        extractor: digest of the name and version of what made the template, 8 bytes.
        key_id: of the biometric key.
        draw: b, 16 bytes, the same for all samples of a position.
        renewal: how often the position was renewed.
        r: the record id of whose it is, 16 bytes.
        day: of enrolment, days since 1 January 1970.
        protected: the protected template.
    """

    suite: int
    extractor: bytes
    key_id: int
    draw: bytes
    renewal: int
    r: bytes
    day: int
    protected: bytes

    def encode(self) -> bytes:
        """Write it, 71 bytes and the protected template."""
        head = _HEAD.pack(
            FORMAT,
            self.suite,
            self.extractor,
            self.key_id,
            self.draw,
            self.renewal,
            self.r,
            self.day,
            bytes(_RESERVED),
        )
        return head + self.protected

    @classmethod
    def decode(cls, content: bytes) -> Reference:
        """Read it; reserved bytes are not looked at.

        Raises:
            RecordError: of another format, or too short.
        """
        if len(content) <= HEAD_SIZE or content[0] != FORMAT:
            raise RecordError("a reference is of another format")
        _, suite, extractor, key_id, draw, renewal, r, day, _ = _HEAD.unpack_from(content)
        return cls(
            suite=suite,
            extractor=extractor,
            key_id=key_id,
            draw=draw,
            renewal=renewal,
            r=r,
            day=day,
            protected=content[HEAD_SIZE:],
        )

    def __repr__(self) -> str:
        return "Reference(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("references are not pickled")


def record_id_of(content: bytes) -> bytes:
    """Read whose a reference is from its content."""
    return content[_R_AT : _R_AT + RECORD_ID_SIZE]


def renamed(content: bytes, r: bytes) -> bytes:
    """Put another record id into the content of a reference; all else stays, reserved bytes too."""
    return content[:_R_AT] + r + content[_R_AT + RECORD_ID_SIZE :]


def decoy(
    suite: Suite, *, r: bytes, key_id: int, day: int, random: Callable[[int], bytes] = os.urandom
) -> Reference:
    """Make a reference that is nobody's, and that takes as long to compare as anybody's.

    Args:
        suite: of the table's references now.
        r: record id of the decoy.
        key_id: of the biometric key of now.
        day: today, days since 1 January 1970; the decoy's is any of the twenty years before.
        random: gives random bytes.
    """
    return Reference(
        suite=suite.number,
        extractor=random(DIGEST_SIZE),
        key_id=key_id,
        draw=random(DRAW_SIZE),
        renewal=0,
        r=r,
        day=max(0, day - int.from_bytes(random(4), "big") % _YEARS),
        protected=random(suite.size),
    )


def extractor_digest(extractor: str) -> bytes:
    """Compute SHA-256(u16 length | name | u16 length | version)[:8] of "NAME/VERSION".

    Raises:
        TemplateError: it is not of that form.
    """
    found = EXTRACTOR.fullmatch(extractor)
    if found is None:
        raise TemplateError("an extractor is NAME/VERSION")
    return hashlib.sha256(prefixed(*found.groups())).digest()[:DIGEST_SIZE]
