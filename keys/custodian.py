"""A custodian's own keys: Ed25519 to sign with, X25519 to which shares are sealed, in one file under one passphrase.

The file is made once and goes home with its custodian; shares of every generation are sealed to the public half, so
that new ones can be dealt to whoever is absent. Argon2id is at RFC 9106's second option, and a weaker file is refused.
Format: docs/formats/quorum.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.errors import PassphraseError, QuorumFileError, WeakParametersError
from padan import personfile
from padan.card import Card, PeopleFileError, card_of, read_json, require_distinct
from padan.errors import ConfigError

if TYPE_CHECKING:
    from padan.personfile import Person

KIND: Final = "custodian"
SUFFIX: Final = ".key.json"
CARD_SUFFIX: Final = ".card.json"
"""What follows a custodian's name in the names of the files."""


def make(name: str, passphrase: str) -> tuple[bytes, bytes, Person]:
    """Make a custodian's keys: the private file, the card for others, and the keys at hand.

    Raises:
        QuorumFileError: the name is not one of a-z, 0-9 and hyphens.
        PassphraseError: the passphrase is too short.
    """
    try:
        private, card, person = personfile.make(name, passphrase, kind=KIND)
    except PeopleFileError as error:
        raise QuorumFileError(str(error)) from error
    except ConfigError as error:
        raise PassphraseError(f"{name}: {error}") from error
    return private, card, person


def read_card(data: bytes) -> Card | None:
    """Read the card of a custodian; None where it is no such file.

    Raises:
        QuorumFileError: it is malformed, or not signed by the key that it names.
    """
    try:
        return personfile.read_card(data, kind=KIND) if personfile.card_use(KIND).encode() in data else None
    except PeopleFileError as error:
        raise QuorumFileError(str(error)) from error


def owner(data: bytes) -> str | None:
    """Name whose private keys a file holds; None where it is no such file."""
    try:
        content = read_json(data, personfile.private_use(KIND))
        return card_of(content).name
    except (PeopleFileError, KeyError, TypeError, ValueError):
        return None


def open_keys(data: bytes, passphrase: str, *, name: str) -> Person:
    """Open a custodian's keys.

    Args:
        data: the private file.
        passphrase: the custodian's own.
        name: whose it must be.

    Raises:
        QuorumFileError: malformed, or another custodian's.
        WeakParametersError: its Argon2id parameters are weaker than RFC 9106's second option, or absurd.
        PassphraseError: the passphrase is another.
    """
    try:
        person = personfile.open_private(data, passphrase, kind=KIND)
    except PeopleFileError as error:
        raise QuorumFileError(f"the keys of {name}: {error}") from error
    except ConfigError as error:
        if error.reason == "passphrase":
            raise PassphraseError(f"the passphrase does not open the keys of {name}") from error
        kind = WeakParametersError if error.reason == "parameters" else QuorumFileError
        raise kind(f"the keys of {name}: {error}") from error
    if person.card.name != name:
        raise QuorumFileError(f"the keys are of {person.card.name}, not of {name}")
    return person


def require_set(cards: tuple[Card, ...]) -> None:
    """See that nobody stands in a set twice.

    Raises:
        QuorumFileError: somebody does, or a name or key is malformed.
    """
    try:
        require_distinct(cards, kind=KIND)
    except PeopleFileError as error:
        raise QuorumFileError(str(error)) from error
