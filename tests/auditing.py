"""Three auditors of a registry and the key that they made together, by the package's own steps, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from padan import auditors, personfile
from padan.audit import deal
from padan.place import Place

if TYPE_CHECKING:
    from padan.auditors import AuditorsKey
    from padan.personfile import Person

PHRASE = "a passphrase of auditors in tests"
NAMES = ("alpha", "beta", "gamma")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditors:
    """Auditors and their key.

    Attributes:
        shares: each auditor's share, as bytes, by number from 1.
        statements: what each has signed.
    """

    people: tuple[Person, ...]
    private: tuple[bytes, ...]
    cards: tuple[bytes, ...]
    deals: tuple[bytes, ...]
    statements: tuple[AuditorsKey, ...]
    shares: tuple[bytes, ...]
    key: AuditorsKey

    @property
    def file(self) -> bytes:
        """The key as the server gets it."""
        return auditors.encode(self.key)


@cache
def _people() -> tuple[tuple[Person, ...], tuple[bytes, ...], tuple[bytes, ...]]:
    """Make the auditors, once: passphrases take their time."""
    made = [personfile.make(name, PHRASE) for name in NAMES]
    people = tuple(personfile.open_private(private, PHRASE) for private, _, _ in made)
    return people, tuple(private for private, _, _ in made), tuple(card for _, card, _ in made)


@cache
def make(
    registry_id: str = "test-registry", environment: str = "development", threshold: int = 2
) -> Auditors:
    """Let three auditors make a key."""
    people, private, cards = _people()
    place = Place(registry_id=registry_id, environment=environment)
    chosen = deal.Group.of(place, threshold, [person.card for person in people])
    deals = tuple(deal.make(person, chosen) for person in people)
    read = [deal.read(each, place) for each in deals]
    joined = [deal.join(person, read) for person in people]
    return Auditors(
        people=people,
        private=private,
        cards=cards,
        deals=deals,
        statements=tuple(key for key, _ in joined),
        shares=tuple(bytes(share) for _, share in joined),
        key=deal.agree([key for key, _ in joined]),
    )
