"""An auditor's own files: the card that others get, the private keys, and the share of the auditors' key.

Cards are signed by the key that they name. Private keys and share lie in boxes under the auditor's passphrase
(Argon2id).
Formats: docs/formats/auditors-key.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from padan import canonical, group, passphrase, signature
from padan.auditors import FORMAT, AuditorsFileError, Card, card_of, raw, read_json, require_distinct, text
from padan.canonical import prefixed
from padan.errors import ConfigError
from padan.sealing import Recipient
from padan.signature import SEED_SIZE, SignatureError, Signer

if TYPE_CHECKING:
    from pathlib import Path

    from padan.auditors import AuditorsKey

CARD: Final = "auditor-card"
PRIVATE: Final = "auditor-private"
SHARE: Final = "auditor-share"
_SEED, _SEALING = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An auditor with private keys at hand; shows none."""

    card: Card
    signer: Signer
    recipient: Recipient

    def __repr__(self) -> str:
        return f"<Person {self.card.name}>"


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


def make(name: str, phrase: str) -> tuple[bytes, bytes]:
    """Make an auditor's keys.

    Args:
        name: as in the auditor's certificate.
        phrase: the passphrase.

    Returns:
        The private file and the card, both JSON.

    Raises:
        AuditorsFileError: the name is malformed.
        ConfigError: the passphrase is too short.
    """
    seed, sealing = os.urandom(SEED_SIZE), os.urandom(SEED_SIZE)
    signer, recipient = Signer(seed), Recipient(sealing)
    card = Card(name=name, signing=signer.public_key, sealing=recipient.public_key)
    require_distinct([card])
    public = _public(card)
    box = passphrase.seal(
        canonical.encode({_SEED: seed, _SEALING: sealing}), phrase, label=_label(PRIVATE, card.encode())
    )
    private = {"format": FORMAT, "use": PRIVATE, **public, **box}
    shown = {
        "format": FORMAT,
        "use": CARD,
        **public,
        "signature": text(signer.sign(_label(CARD, card.encode()))),
    }
    return _json(private), _json(shown)


def read_card(data: bytes) -> Card:
    """Read a card.

    Raises:
        AuditorsFileError: malformed, or not signed by the key that it names.
    """
    content = read_json(data, CARD)
    try:
        card = card_of(content)
        found = raw(content["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise AuditorsFileError("the card is malformed", reason="format") from error
    require_distinct([card])
    try:
        signature.verify(card.signing, _label(CARD, card.encode()), found)
    except SignatureError:
        raise AuditorsFileError(
            f"the card of {card.name} is not signed by its own key",
            reason="signature",
            next_step="ask that auditor for the card again, and compare its fingerprint by voice",
        ) from None
    return card


def open_private(data: bytes, phrase: str) -> Person:
    """Open an auditor's private keys.

    Raises:
        AuditorsFileError: malformed.
        ConfigError: the passphrase is another.
    """
    content = read_json(data, PRIVATE)
    try:
        card = card_of(content)
    except (KeyError, TypeError, ValueError) as error:
        raise AuditorsFileError("the private keys' file is malformed", reason="format") from error
    plain = passphrase.unseal(content, phrase, label=_label(PRIVATE, card.encode()))
    fields = canonical.decode(bytes(plain))
    group.wipe(plain)
    person = Person(card=card, signer=Signer(fields[_SEED]), recipient=Recipient(fields[_SEALING]))
    if (person.signer.public_key, person.recipient.public_key) != (card.signing, card.sealing):
        raise AuditorsFileError("private and public keys do not belong together", reason="key")
    return person


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
    return _json(content)


def open_share(data: bytes, phrase: str, *, key: AuditorsKey, name: str) -> OwnShare:
    """Open the file of a share.

    Raises:
        AuditorsFileError: malformed, of another key or another auditor, or not the share that the key names.
        ConfigError: the passphrase is another.
    """
    content = read_json(data, SHARE)
    number = key.number(name)
    if content.get("key_id") != key.key_id.hex() or content.get("number") != number:
        raise AuditorsFileError(
            "the share is of another auditors' key, or of another auditor",
            reason="key",
            next_step="name the share that padan-audit keys join wrote for this key",
        )
    secret = passphrase.unseal(content, phrase, label=_share_label(key, number))
    if group.base(secret) != key.members[number - 1].verification:
        raise AuditorsFileError("the share is not the one that the auditors' key names", reason="key")
    return OwnShare(number=number, secret=secret)


def write_new(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Write a new file; refuse one that is there.

    Raises:
        ConfigError: it is there, or cannot be written.
    """
    mode = 0o600 if secret else 0o644
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConfigError(
            f"{path}: there is a file already",
            reason="file",
            next_step="name another file, or move this one away",
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})", reason="file") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> bytes:
    """Read a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", reason="file", next_step="name a file that is there"
        ) from None


def fingerprint(card: Card) -> str:
    """Spell both keys of a card for people who compare them by voice: 8 groups of 4 hexadecimal digits."""
    digest = hashlib.sha256(_label(CARD, card.encode())).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


def _public(card: Card) -> dict[str, str]:
    return {"name": card.name, "signing_key": text(card.signing), "sealing_key": text(card.sealing)}


def _share_label(key: AuditorsKey, number: int) -> bytes:
    return _label(SHARE, key.key_id + bytes((number,)))


def _label(use: str, more: bytes) -> bytes:
    """Bind to a use; a person's keys belong to no registry."""
    return prefixed("padan", use, str(FORMAT)) + more


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
