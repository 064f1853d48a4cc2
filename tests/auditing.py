"""Three auditors of a registry and the key that they made together, by the package's own steps, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from padan import auditors, personfile
from padan.audit import deal, keyfile, trailfile
from padan.place import Place

if TYPE_CHECKING:
    from pathlib import Path

    from padan.auditors import AuditorsKey
    from padan.nik import Nik
    from padan.personfile import Person

PHRASE = "a passphrase of auditors in tests"
NAMES = ("alpha", "beta", "gamma")
REASON = "the resident asks, art. 32"
MANDATE = "Letter 12/PDP/2026"


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

    def lay_out(self, folder: Path) -> None:
        """Write what lies on their desks: the group's key, each one's own key and share, and the passphrase."""
        (folder / "phrase").write_text(PHRASE + "\n")
        (folder / "auditors.json").write_bytes(self.file)
        for number, name in enumerate(NAMES, 1):
            (folder / f"{name}.key").write_bytes(self.private[number - 1])
            share = bytearray(self.shares[number - 1])
            sealed = keyfile.seal_share(share, PHRASE, key=self.key, number=number)
            (folder / f"{name}.share").write_bytes(sealed)

    def signed(self, nik: Nik, *, received: int, now: int) -> trailfile.Request:
        """Let alpha propose a resident's trail and beta sign, by their keys: passphrases take their time.

        Args:
            nik: the resident's number.
            received: when the resident asked, seconds of the Unix epoch.
            now: likewise, when alpha proposes.
        """
        alpha, beta, *_ = self.people
        request = trailfile.propose(
            alpha, self.key, nik=nik, reason=REASON, mandate=MANDATE, received=received, now=now
        )
        return trailfile.sign(request, beta, self.key)


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
