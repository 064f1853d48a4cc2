"""A person's own files: the card that others get, and the private keys under the person's passphrase (Argon2id).

A card is signed by the key that it names. A person's keys belong to no registry. Formats: docs/formats/auditors-key.md,
docs/formats/quorum.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from padan import canonical, group, passphrase, signature
from padan.canonical import prefixed
from padan.card import FORMAT, Card, PeopleFileError, card_of, raw, read_json, require_distinct, text
from padan.errors import ConfigError
from padan.sealing import Recipient
from padan.signature import SEED_SIZE, SignatureError, Signer

if TYPE_CHECKING:
    from pathlib import Path

_SEED, _SEALING = 1, 2


def card_use(kind: str) -> str:
    """Name the use of a card's file."""
    return f"{kind}-card"


def private_use(kind: str) -> str:
    """Name the use of a private file."""
    return f"{kind}-private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with private keys at hand; shows none."""

    card: Card
    signer: Signer
    recipient: Recipient

    def __repr__(self) -> str:
        return f"<Person {self.card.name}>"


def make(name: str, phrase: str, *, kind: str = "auditor") -> tuple[bytes, bytes, Person]:
    """Make a person's keys.

    Args:
        name: as in the person's certificate.
        phrase: the passphrase.
        kind: the word for such people: auditor, custodian.

    Returns:
        The private file and the card, both JSON, and the person with the keys at hand.

    Raises:
        PeopleFileError: the name is malformed.
        ConfigError: the passphrase is too short.
    """
    seed, sealing = os.urandom(SEED_SIZE), os.urandom(SEED_SIZE)
    signer, recipient = Signer(seed), Recipient(sealing)
    card = Card(name=name, signing=signer.public_key, sealing=recipient.public_key)
    require_distinct([card], kind=kind)
    public = _public(card)
    box = passphrase.seal(
        canonical.encode({_SEED: seed, _SEALING: sealing}),
        phrase,
        label=label_of(private_use(kind), card.encode()),
    )
    private = {"format": FORMAT, "use": private_use(kind), **public, **box}
    shown = {
        "format": FORMAT,
        "use": card_use(kind),
        **public,
        "signature": text(signer.sign(label_of(card_use(kind), card.encode()))),
    }
    return json_of(private), json_of(shown), Person(card=card, signer=signer, recipient=recipient)


def read_card(data: bytes, *, kind: str = "auditor") -> Card:
    """Read a card.

    Raises:
        PeopleFileError: malformed, or not signed by the key that it names.
    """
    content = read_json(data, card_use(kind))
    try:
        card = card_of(content)
        found = raw(content["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise PeopleFileError("the card is malformed", reason="format") from error
    require_distinct([card], kind=kind)
    try:
        signature.verify(card.signing, label_of(card_use(kind), card.encode()), found)
    except SignatureError:
        raise PeopleFileError(
            f"the card of {card.name} is not signed by its own key",
            reason="signature",
            next_step=f"ask that {kind} for the card again, and compare its fingerprint by voice",
        ) from None
    return card


def open_private(data: bytes, phrase: str, *, kind: str = "auditor") -> Person:
    """Open a person's private keys.

    Raises:
        PeopleFileError: malformed.
        ConfigError: the passphrase is another.
    """
    content = read_json(data, private_use(kind))
    try:
        card = card_of(content)
    except (KeyError, TypeError, ValueError) as error:
        raise PeopleFileError("the private keys' file is malformed", reason="format") from error
    plain = passphrase.unseal(content, phrase, label=label_of(private_use(kind), card.encode()))
    fields = canonical.decode(bytes(plain))
    group.wipe(plain)
    person = Person(card=card, signer=Signer(fields[_SEED]), recipient=Recipient(fields[_SEALING]))
    if (person.signer.public_key, person.recipient.public_key) != (card.signing, card.sealing):
        raise PeopleFileError("private and public keys do not belong together", reason="key")
    return person


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


def fingerprint(card: Card, *, kind: str = "auditor") -> str:
    """Spell both keys of a card for people who compare them by voice: 8 groups of 4 hexadecimal digits."""
    digest = hashlib.sha256(label_of(card_use(kind), card.encode())).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


def _public(card: Card) -> dict[str, str]:
    return {"name": card.name, "signing_key": text(card.signing), "sealing_key": text(card.sealing)}


def label_of(use: str, more: bytes) -> bytes:
    """Bind to a use; a person's keys belong to no registry."""
    return prefixed("padan", use, str(FORMAT)) + more


def json_of(content: object) -> bytes:
    """Spell a file."""
    return json.dumps(content, indent=1).encode() + b"\n"
