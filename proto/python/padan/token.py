"""Tagged tokens: what an agency keeps instead of a NIK, and gives back wherever a NIK goes.

    0x01 | u8 length | token domain | u16 version | element 32 | tag 16

The element is k H2G(nik) in ristretto255 under the key of that version of the domain. The tag is the service's: it
shows that the service issued these bytes, and nobody else can check it. To the byte: docs/formats/token.md.
In files, databases of text and command lines a token is written in base64url without padding (RFC 4648 section 5).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final, Self

from padan.errors import InvalidRequestError
from padan.group import ELEMENT_SIZE
from padan.value import value

if TYPE_CHECKING:
    from padan.group import Buffer

FORMAT: Final = 1
TAG_SIZE: Final = 16
VERSION_MAX: Final = 2**16 - 1
DOMAIN_MAX: Final = 63
_DOMAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HEAD: Final = 2
_REST: Final = 2 + ELEMENT_SIZE + TAG_SIZE
SIZE_MAX: Final = _HEAD + DOMAIN_MAX + _REST


class TokenError(InvalidRequestError):
    """The bytes or the text are no token; `reason` is "format", "domain", "size" or "text"."""


@value
class Token:
    """A tagged token, taken apart.

    Attributes:
        domain: the token domain.
        version: of the domain's key, from 1.
        element: 32 bytes.
        tag: 16 bytes.
    """

    domain: str
    version: int
    element: bytes
    tag: bytes

    @property
    def tagged(self) -> bytes:
        """What the tag is made over."""
        return tagged(self.domain, self.version, self.element)

    def encode(self) -> bytes:
        """Write it as it travels and is kept, 52 bytes and the domain's name."""
        return self.tagged + self.tag

    @classmethod
    def parse(cls, data: Buffer) -> Self:
        """Take a token apart; whether it was ever issued only the service can say.

        Raises:
            TokenError: another format, a name that no domain has, or cut off.
        """
        if len(data) < _HEAD or data[0] != FORMAT:
            raise TokenError("the bytes are no token of a known format", reason="format")
        length = data[1]
        if len(data) != _HEAD + length + _REST:
            raise TokenError("the token is cut off, or something follows it", reason="size")
        at = _HEAD + length
        name = bytes(data[_HEAD:at]).decode("ascii", "replace")
        if not _DOMAIN.fullmatch(name):
            raise TokenError("the token names no domain", reason="domain")
        element = at + 2
        return cls(
            domain=name,
            version=int.from_bytes(data[at:element], "big"),
            element=bytes(data[element : element + ELEMENT_SIZE]),
            tag=bytes(data[element + ELEMENT_SIZE :]),
        )

    @property
    def text(self) -> str:
        """Write it as text, at most 154 characters of A-Z a-z 0-9 - _."""
        return base64.urlsafe_b64encode(self.encode()).rstrip(b"=").decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `text` wrote; nothing is stripped, and every token has one text.

        Raises:
            TokenError: not such a text, or its bytes are no token.
        """
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            data = b""
        if not data or base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
            raise TokenError("the text is no token in base64url without padding", reason="text")
        return cls.parse(data)

    def __repr__(self) -> str:
        return f"Token(domain={self.domain!r}, version={self.version})"


def tagged(domain: str, version: int, element: bytes) -> bytes:
    """Write everything that stands before a token's tag."""
    name = domain.encode()
    return bytes((FORMAT, len(name))) + name + version.to_bytes(2, "big") + element


def update_context(domain: str, old: int, new: int) -> bytes:
    """Name the statement that tokens of one version of a domain became those of another, for its proof (padan.dleq)."""
    return b"padan/token-update/1-" + tagged(domain, old, b"") + new.to_bytes(2, "big")
