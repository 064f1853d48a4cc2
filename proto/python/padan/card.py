"""Who a person is to others: a name and two public keys; and the shape of the JSON files that people exchange.

Guarantees: names follow the grammar of certificates' ids, and nobody stands in a set twice, under any name.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from padan import canonical
from padan.errors import ConfigError
from padan.signature import thumbprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT: Final = 1
KEY_SIZE: Final = 32
MAX_FILE: Final = 65_536
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A person is named as in a certificate."""


class PeopleFileError(ConfigError):
    """A file of people is not what it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A person's name and public keys.

    Attributes:
        name: as in the person's certificate.
        signing: Ed25519 key, 32 bytes.
        sealing: X25519 key, 32 bytes.
    """

    name: str
    signing: bytes
    sealing: bytes

    @property
    def signer_id(self) -> str:
        """Thumbprint of the Ed25519 key."""
        return thumbprint(self.signing)

    def encode(self, *more: bytes) -> bytes:
        """Write the canonical encoding, with further fields after the keys."""
        return canonical.encode(dict(enumerate((self.name.encode(), self.signing, self.sealing, *more), 1)))


def require_distinct(cards: Sequence[Card], *, kind: str = "auditor") -> None:
    """See that nobody stands there twice, under any name; `kind` is the word for those people.

    Raises:
        PeopleFileError: one does, or a name or a key is malformed.
    """
    for card in cards:
        if NAME.fullmatch(card.name) is None or {len(card.signing), len(card.sealing)} != {KEY_SIZE}:
            raise PeopleFileError(
                f"each {kind} has a name of a-z, 0-9, '-' and two keys of 32 bytes", reason="card"
            )
    for attribute in ("name", "signing", "sealing"):
        ordered = sorted(cards, key=lambda card: getattr(card, attribute))
        for one, other in pairwise(ordered):
            if getattr(one, attribute) == getattr(other, attribute):
                raise PeopleFileError(
                    f"the same {kind} twice: {one.name} and {other.name} have one {attribute}"
                    if one.name != other.name
                    else f"the same {kind} twice: {one.name}",
                    reason="twice",
                    next_step=f"take one card of each {kind}, made by that {kind}",
                )


def card_of(content: Mapping[str, Any]) -> Card:
    """Read name and keys from members of a JSON object.

    Raises:
        KeyError, TypeError, ValueError: malformed.
    """
    return Card(
        name=str(content["name"]), signing=raw(content["signing_key"]), sealing=raw(content["sealing_key"])
    )


def read_json(data: bytes, use: str, *, most: int = MAX_FILE) -> dict[str, Any]:
    """Read a file of people: a JSON object of format 1 for one use.

    Raises:
        PeopleFileError: too large, no JSON, or for another use or of another format.
    """
    try:
        content = json.loads(data) if len(data) <= most else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("use") != use:
        raise PeopleFileError(f"not a file for {use}", reason="format", next_step="name the right file")
    if content.get("format") != FORMAT:
        raise PeopleFileError(
            f"the file for {use} has a format that this release does not know",
            reason="format",
            next_step="use a newer release of padan",
        )
    return content


def text(data: bytes | bytearray) -> str:
    """Write bytes as these files do: standard base64."""
    return base64.b64encode(data).decode()


def raw(spelt: str) -> bytes:
    """Read bytes as these files spell them.

    Raises:
        ValueError: no base64.
    """
    return base64.b64decode(spelt, validate=True)
