"""The file of an auditor's share of the auditors' key, in a box under the auditor's passphrase (Argon2id).

Format: docs/formats/auditors-key.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from padan import group, passphrase
from padan.card import FORMAT, PeopleFileError, read_json
from padan.personfile import json_of, label_of

if TYPE_CHECKING:
    from padan.auditors import AuditorsKey

SHARE: Final = "auditor-share"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnShare:
    """An auditor's share s_i, 32 bytes; shows nothing."""

    number: int
    secret: bytearray

    def __repr__(self) -> str:
        return f"<OwnShare {self.number}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        group.wipe(self.secret)


def seal_share(secret: bytearray, phrase: str, *, key: AuditorsKey, number: int) -> bytes:
    """Write the file of a share.

    Raises:
        ConfigError: the passphrase is too short.
    """
    name = key.members[number - 1].card.name
    box = passphrase.seal(secret, phrase, label=_share_label(key, number))
    content = {
        "format": FORMAT,
        "use": SHARE,
        "name": name,
        "number": number,
        "key_id": key.key_id.hex(),
        **box,
    }
    return json_of(content)


def open_share(data: bytes, phrase: str, *, key: AuditorsKey, name: str) -> OwnShare:
    """Open the file of a share.

    Raises:
        PeopleFileError: malformed, of another key or another auditor, or not the share that the key names.
        ConfigError: the passphrase is another.
    """
    content = read_json(data, SHARE)
    number = key.number(name)
    if content.get("key_id") != key.key_id.hex() or content.get("number") != number:
        raise PeopleFileError(
            "the share is of another auditors' key, or of another auditor",
            reason="key",
            next_step="name the share that padan-audit keys join wrote for this key",
        )
    secret = passphrase.unseal(content, phrase, label=_share_label(key, number))
    if group.base(secret) != key.members[number - 1].verification:
        raise PeopleFileError("the share is not the one that the auditors' key names", reason="key")
    return OwnShare(number=number, secret=secret)


def _share_label(key: AuditorsKey, number: int) -> bytes:
    return label_of(SHARE, key.key_id + bytes((number,)))
