"""A quorum: a secret that m of n custodians hold together, and the KEK that comes of it. Pure.

    KEK        = HKDF-SHA-256(f(0), label "quorum-kek" | u32 generation)
    quorum id  = SHA-256(label "quorum" | statement)
    share file = f(i) sealed by HPKE to custodian i, info label "quorum-share" | quorum id | u8 i

f is a polynomial of degree m - 1 over the scalars of ristretto255 (`padan.share`); its commitments are public, so a
share is checked before it counts, and a wrong one names its holder. Fewer than m shares fit every secret alike. Each
generation has a polynomial of its own: a share of one opens nothing of another.
Format: docs/formats/quorum.md.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys import custodian
from keys.derive import hkdf
from keys.errors import KeyUseError, QuorumFileError, ShareRefusedError, SharesMissingError
from keys.kek import Kek
from keys.realm import Realm
from padan import canonical, group, sealing, share
from padan.card import Card, card_of, raw, text
from padan.group import GroupError
from padan.share import ShareError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT: Final = 1
USE: Final = "quorum"
MAX_SIZE: Final = 64 * 1024
MOST_GENERATIONS: Final = 2
"""Two stand side by side while a renewal is under way."""
_number = struct.Struct(">I").pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What everybody may know of one dealing.

    Attributes:
        realm: the registry and environment.
        number: of the generation, from 1.
        threshold: custodians that it takes.
        kek_id: of the KEK that comes of it, 16 hexadecimal characters.
        commitments: the polynomial's coefficients times the generator, constant term first; as many as the threshold.
        cards: the custodians ordered by name; a custodian's number is its place here, from 1.
    """

    realm: Realm
    number: int
    threshold: int
    kek_id: str
    commitments: tuple[bytes, ...]
    cards: tuple[Card, ...]

    @property
    def statement(self) -> bytes:
        """What the id is computed of, without its label."""
        return canonical.encode(
            {
                1: bytes((FORMAT,)),
                2: self.realm.registry_id.encode(),
                3: self.realm.environment.encode(),
                4: _number(self.number),
                5: bytes((self.threshold,)),
                6: bytes.fromhex(self.kek_id),
                7: canonical.encode_list(self.commitments),
                8: canonical.encode_list(card.encode() for card in self.cards),
            }
        )

    @property
    def id(self) -> bytes:
        """Name the dealing, 32 bytes: another custodian, threshold or secret is another one."""
        return hashlib.sha256(self.realm.label(USE) + self.statement).digest()

    @property
    def names(self) -> tuple[str, ...]:
        """Name the custodians, by number from 1."""
        return tuple(card.name for card in self.cards)

    def number_of(self, name: str) -> int:
        """Give a custodian's number.

        Raises:
            ShareRefusedError: there is none of this name.
        """
        if name not in self.names:
            raise ShareRefusedError(
                f"{name} is none of the custodians of generation {self.number}: {', '.join(self.names)}"
            )
        return self.names.index(name) + 1

    def info(self, member: int) -> bytes:
        """Bind a sealed share to this dealing and its custodian."""
        return info_of(self.realm, self.id, member)

    def check(self, member: int, found: bytes | bytearray) -> None:
        """See that a share is the one that was dealt.

        Raises:
            ShareRefusedError: it is not; names the holder.
        """
        try:
            share.check(self.commitments, member, found)
        except ShareError as error:
            raise ShareRefusedError(
                f"the share of {self.names[member - 1]} is not the one that was dealt in generation {self.number}"
            ) from error

    def combine(self, shares: Mapping[int, bytes | bytearray]) -> Kek:
        """Compute the KEK from shares, each of which is checked; the caller wipes them.

        Raises:
            ShareRefusedError: a share is wrong; names the holder.
            SharesMissingError: fewer than the threshold.
        """
        for member in sorted(shares):
            self.check(member, shares[member])
        if len(shares) < self.threshold:
            raise SharesMissingError(self.missing(shares))
        secret = share.recover({member: shares[member] for member in sorted(shares)[: self.threshold]})
        try:
            kek = _kek(self.realm, self.number, secret)
        finally:
            group.wipe(secret)
        if kek.id != self.kek_id:
            raise QuorumFileError("the quorum's file names another KEK than its shares come to")
        return kek

    def missing(self, members: Mapping[int, object]) -> str:
        """Say who is here and how many more it takes."""
        here = ", ".join(self.names[member - 1] for member in sorted(members)) or "nobody"
        return (
            f"it takes {self.threshold} of {len(self.cards)} custodians; here: {here}; "
            f"missing: {self.threshold - len(members)}"
        )

    def require_sound(self) -> None:
        """See that numbers, names and keys fit together.

        Raises:
            QuorumFileError: they do not.
        """
        custodian.require_set(self.cards)
        try:
            share.require_sizes(self.threshold, len(self.cards))
            for commitment in self.commitments:
                group.require_element(commitment)
        except (ShareError, GroupError) as error:
            raise QuorumFileError(f"the quorum's file is not sound: {error}") from error
        ordered = list(self.names) == sorted(self.names)
        if len(self.commitments) != self.threshold or not ordered or self.number < 1:
            raise QuorumFileError("the quorum's file is not sound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A new dealing: what is public, the KEK, and a box for each custodian by number; shows nothing."""

    generation: Generation
    kek: Kek
    boxes: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"<Deal of generation {self.generation.number}>"


def info_of(realm: Realm, quorum_id: bytes, member: int, *, use: str = "quorum-share") -> bytes:
    """Bind a sealed share to a dealing and a custodian."""
    return realm.label(use) + quorum_id + bytes((member,))


def deal(realm: Realm, *, number: int, threshold: int, cards: Sequence[Card]) -> Deal:
    """Draw a secret, deal it, seal each share to its custodian, and zero what was drawn.

    Args:
        realm: the registry and environment.
        number: of the generation.
        threshold: custodians that it takes, 2 to as many as there are.
        cards: the custodians, at most 16.

    Raises:
        QuorumFileError: numbers, names or keys do not fit.
    """
    ordered = tuple(sorted(cards, key=lambda card: card.name))
    custodian.require_set(ordered)
    try:
        dealt = share.deal(threshold, len(ordered), context=realm.label(USE))
    except ShareError as error:
        raise QuorumFileError(str(error)) from error
    secret = share.recover(dict(enumerate(dealt.shares[:threshold], 1)))
    kek = _kek(realm, number, secret)
    group.wipe(secret)
    made = Generation(
        realm=realm,
        number=number,
        threshold=threshold,
        kek_id=kek.id,
        commitments=dealt.commitments,
        cards=ordered,
    )
    boxes: dict[int, bytes] = {}
    for member, (card, own) in enumerate(zip(ordered, dealt.shares, strict=True), 1):
        made.check(member, own)
        boxes[member] = sealing.seal(bytes(own), public_key=card.sealing, info=made.info(member))
    dealt.wipe()
    return Deal(generation=made, kek=kek, boxes=boxes)


def roster(generations: Sequence[Generation], kek_id: str = "") -> dict[str, bytes]:
    """Give who may approve: thumbprints to Ed25519 keys.

    Args:
        generations: of the quorum's file.
        kek_id: the KEK that the keyring is under; without it the oldest generation speaks, which is the one in use
            until a renewal is complete.

    Raises:
        QuorumFileError: the file has no such generation.
    """
    return {card.signer_id: card.signing for card in generation_of(generations, kek_id).cards}


def generation_of(generations: Sequence[Generation], kek_id: str = "") -> Generation:
    """Pick the generation of a KEK, or the oldest.

    Raises:
        QuorumFileError: there is none.
    """
    for each in generations:
        if kek_id in {"", each.kek_id}:
            return each
    raise QuorumFileError("the quorum's file does not hold a generation of this KEK")


def encode(generations: Sequence[Generation]) -> bytes:
    """Write the quorum's file: one generation, or two while a renewal is under way."""
    first = generations[0]
    content = {
        "format": FORMAT,
        "use": USE,
        "registry_id": first.realm.registry_id,
        "environment": first.realm.environment,
        "generations": [
            {
                "generation": each.number,
                "threshold": each.threshold,
                "kek": each.kek_id,
                "quorum": each.id.hex(),
                "commitments": [text(commitment) for commitment in each.commitments],
                "custodians": [
                    {"name": card.name, "signing_key": text(card.signing), "sealing_key": text(card.sealing)}
                    for card in each.cards
                ],
            }
            for each in generations
        ],
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def decode(data: bytes) -> tuple[Generation, ...]:
    """Read the quorum's file and check all of it, oldest generation first.

    Raises:
        QuorumFileError: malformed, changed, or of a format that this release does not know.
    """
    content = read_json(data, USE)
    try:
        realm = Realm(registry_id=str(content["registry_id"]), environment=str(content["environment"]))
        found = tuple(_generation(realm, each) for each in content["generations"])
        named = [each["quorum"] for each in content["generations"]]
    except (KeyError, TypeError, ValueError, struct.error, KeyUseError) as error:
        raise QuorumFileError("the quorum's file is malformed") from error
    if not 1 <= len(found) <= MOST_GENERATIONS:
        raise QuorumFileError("the quorum's file holds no generation, or too many")
    for each in found:
        each.require_sound()
    if named != [each.id.hex() for each in found]:
        raise QuorumFileError("the quorum's file is not what was written: its id is another")
    return found


def read_json(data: bytes, use: str) -> dict[str, Any]:
    """Read a file of custodians: a JSON object of format 1 for one use.

    Raises:
        QuorumFileError: it is none.
    """
    try:
        content = json.loads(data) if len(data) <= MAX_SIZE else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("use") != use:
        raise QuorumFileError(f"not a file for {use}")
    if content.get("format") != FORMAT:
        raise QuorumFileError(f"the file for {use} has a format that this release does not know")
    return content


def _generation(realm: Realm, content: Mapping[str, Any]) -> Generation:
    return Generation(
        realm=realm,
        number=int(content["generation"]),
        threshold=int(content["threshold"]),
        kek_id=bytes.fromhex(content["kek"]).hex(),
        commitments=tuple(raw(each) for each in content["commitments"]),
        cards=tuple(card_of(each) for each in content["custodians"]),
    )


def _kek(realm: Realm, number: int, secret: bytearray) -> Kek:
    return Kek(hkdf(secret, realm.label("quorum-kek") + _number(number)))
