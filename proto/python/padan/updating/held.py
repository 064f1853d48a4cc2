"""A row that holds a token: what stands in its cell, read as a token or as the rule that it breaks, and written alike.

A cell is text in the encoding of `padan token issue` (base64url without padding), or the token's own bytes; text that
stands as bytes is text too. Every token has one text, so that what is put back is to the byte what was there.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from padan.token import FORMAT, Token, TokenError
from padan.value import value

if TYPE_CHECKING:
    from padan.info import TokenDomain

NONE: Final = "there is none"
FOREIGN: Final = "it is of another token domain"
REFUSED: Final = "the service did not issue it (TOKEN_REFUSED)"
OUTDATED: Final = "the time of its version is over (TOKEN_OUTDATED)"
DOUBLE: Final = "another row has this resident's token of the new version, and the column takes each once"


@value
class Held:
    """A row with its token; shows nothing of either.

    Attributes:
        number: of the row, from 1: its place in the file, or in the order of the table's key.
        key: what finds the row again.
        cell: what stands there: text, bytes, or None.
        fault: the rule that the cell breaks by itself; empty for a token.
        token: the token's bytes; empty where there is none.
        domain: of the token.
        version: of the token; 0 where there is none.
        kept: the new token that is kept for the row and does not stand in it yet; empty for none.
    """

    number: int
    key: tuple[Any, ...]
    cell: Any
    fault: str = ""
    token: bytes = b""
    domain: str = ""
    version: int = 0
    kept: bytes = b""

    @classmethod
    def of(cls, number: int, key: tuple[Any, ...], cell: Any, *, fault: str = "") -> Held:
        """Read a row.

        Args:
            number: of the row.
            key: of the row.
            cell: what stands there.
            fault: what is wrong with the row before its cell is read.
        """
        if fault:
            return cls(number=number, key=key, cell=cell, fault=fault)
        try:
            token = _read(cell)
        except TokenError as error:
            return cls(number=number, key=key, cell=cell, fault=error.message)
        return cls(
            number=number,
            key=key,
            cell=cell,
            token=token.encode(),
            domain=token.domain,
            version=token.version,
        )

    def with_kept(self, kept: bytes) -> Held:
        """Give the row with what is kept for it."""
        return Held(
            number=self.number,
            key=self.key,
            cell=self.cell,
            fault=self.fault,
            token=self.token,
            domain=self.domain,
            version=self.version,
            kept=kept,
        )

    def rule(self, domain: TokenDomain) -> str:
        """Say what keeps the row from being moved, as far as it can be seen without asking; empty for nothing."""
        if self.fault:
            return self.fault
        if self.domain != domain.name:
            return FOREIGN
        numbers = [version.number for version in domain.versions]
        # A newer one than is known is asked about: the domain may have been rotated since.
        return OUTDATED if self.version < numbers[0] and self.version not in numbers else ""

    def __repr__(self) -> str:
        return f"Held(number={self.number}, version={self.version}, <redacted>)"


@value
class Move:
    """A row and its new token.

    Attributes:
        held: the row as it was read.
        token: the new token's bytes.
    """

    held: Held
    token: bytes

    def __repr__(self) -> str:
        return f"Move(number={self.held.number}, <redacted>)"


def version_of(token: bytes) -> int:
    """Read the version of a token that was kept."""
    return Token.parse(token).version


def written(token: bytes, cell: Any) -> Any:
    """Write a token as another one stands in a cell."""
    text = base64.urlsafe_b64encode(token).rstrip(b"=")
    if isinstance(cell, str):
        return text.decode()
    return token if cell[0] == FORMAT else text


def _read(cell: Any) -> Token:
    if cell is None or not len(cell):
        raise TokenError(NONE, reason="none")
    if isinstance(cell, str):
        return Token.from_text(cell)
    raw = bytes(cell)
    return Token.parse(raw) if raw[0] == FORMAT else Token.from_text(raw.decode("ascii", "replace"))
