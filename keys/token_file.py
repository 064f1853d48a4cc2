"""The file beside a token: the KEK, sealed by a key that does not leave the token. docs/formats/token-file.md. Pure.

Without the token the file is 48 bytes of nothing; without the file the token's key opens nothing.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import document
from keys.errors import TokenFileError
from keys.kek import KEK_SIZE
from padan.canonical import prefixed

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT: Final = 1
KEY_ID_SIZE: Final = 16
"""Bytes of the random CKA_ID by which a token's key is found."""
NONCE_SIZE: Final = 12
BOX_SIZE: Final = KEK_SIZE + 16
_AAD: Final = prefixed("padan", "token-kek", "1")
_KEK_ID: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKek:
    """One KEK as the file holds it.

    Args:
        kek_id: 16 hexadecimal digits.
        key_id: CKA_ID of the token's key that opens it, 16 bytes.
        nonce: 12 bytes.
        box: ciphertext 32 | tag 16, AES-256-GCM.
    """

    kek_id: str
    key_id: bytes
    nonce: bytes
    box: bytes


def aad(kek_id: str, key_id: bytes) -> bytes:
    """Give the associated data of a box: what it is, which KEK, under which key."""
    return _AAD + bytes.fromhex(kek_id) + key_id


def encode(keks: Sequence[SealedKek]) -> bytes:
    """Write the file."""
    return document.encode(
        {
            "format": FORMAT,
            "kek": [
                {
                    "box": base64.b64encode(kek.box).decode(),
                    "id": kek.kek_id,
                    "key": kek.key_id.hex(),
                    "nonce": base64.b64encode(kek.nonce).decode(),
                }
                for kek in keks
            ],
        }
    )


def decode(data: bytes) -> tuple[SealedKek, ...]:
    """Read the file.

    Raises:
        TokenFileError: damaged, of another format or shape.
    """
    try:
        content = document.decode(data)
    except ValueError as error:
        raise TokenFileError("the KEK file of the token is damaged") from error
    if content.get("format") != FORMAT:
        raise TokenFileError(
            f"the KEK file of the token has a format other than {FORMAT}; a newer release wrote it"
        )
    try:
        found = tuple(
            SealedKek(
                kek_id=item["id"],
                key_id=bytes.fromhex(item["key"]),
                nonce=base64.b64decode(item["nonce"], validate=True),
                box=base64.b64decode(item["box"], validate=True),
            )
            for item in content["kek"]
        )
        fit = [
            _KEK_ID.fullmatch(kek.kek_id) is not None
            and (len(kek.key_id), len(kek.nonce), len(kek.box)) == (KEY_ID_SIZE, NONCE_SIZE, BOX_SIZE)
            for kek in found
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise TokenFileError("the KEK file of the token does not have the shape of its format") from error
    if not fit or not all(fit):
        raise TokenFileError("the KEK file of the token does not have the shape of its format")
    return found
