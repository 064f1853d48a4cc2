"""The making of the auditors' key: each deals, each joins what all have dealt, and all compare what they came to.

 1 each auditor deals a secret of its own: commitments, a proof of possession, a sealed share for every auditor; signed
 2 each joins all deals: 2a every deal is signed and about the same set  2b no auditor deals twice and none is missing
   2c every proof of possession holds  2d every own share fits its commitments; the first deal that fails is named
 3 each keeps the sum of its shares and signs the key that comes out  4 the signed statements are one key

A deal binds all others by the set: names, keys and threshold. The secret, the sum of what was dealt, is never whole
anywhere.
Formats: docs/formats/auditors-key.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from padan import canonical, sealing, share, signature
from padan.auditors import AuditorsKey, Member
from padan.canonical import CanonicalError
from padan.card import FORMAT, Card, PeopleFileError, raw, read_json, require_distinct
from padan.errors import SealingError
from padan.group import GroupError, wipe
from padan.place import Place
from padan.share import ShareError
from padan.signature import SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from padan.personfile import Person

USE: Final = "auditors-deal"
_BOX_SIZE: Final = sealing.OVERHEAD + 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Who makes a key together.

    Attributes:
        place: registry and environment.
        threshold: auditors that it takes.
        cards: all of them, ordered by name; an auditor's number is its place here, from 1.
    """

    place: Place
    threshold: int
    cards: tuple[Card, ...]

    @classmethod
    def of(cls, place: Place, threshold: int, cards: Sequence[Card]) -> Group:
        """Order the cards.

        Raises:
            PeopleFileError: an auditor stands there twice, or the numbers do not fit.
        """
        require_distinct(cards)
        try:
            share.require_sizes(threshold, len(cards))
        except ShareError as error:
            raise PeopleFileError(
                str(error), reason="threshold", next_step="give more cards, or another --threshold"
            ) from None
        return cls(place=place, threshold=threshold, cards=tuple(sorted(cards, key=lambda card: card.name)))

    def encode(self) -> dict[int, bytes]:
        """Give the fields of the canonical encoding."""
        return {
            1: bytes((FORMAT,)),
            2: self.place.registry_id.encode(),
            3: self.place.environment.encode(),
            4: bytes((self.threshold,)),
            5: canonical.encode_list(card.encode() for card in self.cards),
        }

    @property
    def digest(self) -> bytes:
        """Hash who makes the key, 32 bytes."""
        return hashlib.sha256(self.place.label("auditors-set") + canonical.encode(self.encode())).digest()

    def number(self, card: Card) -> int:
        """Give an auditor's number.

        Raises:
            PeopleFileError: the auditor is not of this set.
        """
        if card not in self.cards:
            raise PeopleFileError(
                f"{card.name} is not among the cards, or with other keys",
                reason="member",
                next_step="give your own card too, as padan-audit keys new wrote it",
            )
        return self.cards.index(card) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """What one auditor has dealt.

    Attributes:
        dealer: number of the auditor.
        commitments: as many as the threshold, 32 bytes each.
        possession: 64 bytes.
        boxes: a sealed share for each auditor.
    """

    set: Group
    dealer: int
    commitments: tuple[bytes, ...]
    possession: bytes
    boxes: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """The dealer's name."""
        return self.set.cards[self.dealer - 1].name

    def encode(self) -> bytes:
        """Write the canonical encoding."""
        return canonical.encode(
            {
                **self.set.encode(),
                6: bytes((self.dealer,)),
                7: canonical.encode_list(self.commitments),
                8: self.possession,
                9: canonical.encode_list(self.boxes),
            }
        )


def make(person: Person, chosen: Group) -> bytes:
    """Deal a secret, and write the file; nothing of the secret is kept.

    Raises:
        PeopleFileError: the dealer is not of the set.
    """
    dealer = chosen.number(person.card)
    dealt = share.deal(chosen.threshold, len(chosen.cards), context=_context(chosen, dealer))
    boxes = tuple(
        sealing.seal(bytes(own), public_key=card.sealing, info=_info(chosen, dealer, number))
        for number, (card, own) in enumerate(zip(chosen.cards, dealt.shares, strict=True), 1)
    )
    dealt.wipe()
    deal = Deal(
        set=chosen, dealer=dealer, commitments=dealt.commitments, possession=dealt.possession, boxes=boxes
    )
    document = deal.encode()
    content = {
        "format": FORMAT,
        "use": USE,
        "dealer": person.card.name,
        "deal": base64.b64encode(document).decode(),
        "signature": base64.b64encode(person.signer.sign(chosen.place.label(USE) + document)).decode(),
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def read(data: bytes, place: Place) -> Deal:
    """Read a deal and check signature and proof of possession; a share is checked by whoever it is for.

    Raises:
        PeopleFileError: malformed, of another registry, not signed by its dealer, or without the proof.
    """
    content = read_json(data, USE)
    try:
        document, signed = raw(content["deal"]), raw(content["signature"])
        deal = _decode(document, place)
    except (CanonicalError, KeyError, IndexError, TypeError, ValueError) as error:
        raise PeopleFileError(
            "the deal is malformed, or of another registry or environment", reason="format"
        ) from error
    try:
        signature.verify(deal.set.cards[deal.dealer - 1].signing, place.label(USE) + document, signed)
    except SignatureError:
        raise PeopleFileError(
            f"the deal of {deal.name} is not signed by {deal.name}",
            reason="signature",
            next_step=f"ask {deal.name} for the deal again",
        ) from None
    try:
        share.check_possession(deal.commitments[0], deal.possession, context=_context(deal.set, deal.dealer))
    except ShareError as error:
        raise PeopleFileError(
            f"{deal.name} has not proved to know what it dealt: {error}",
            reason="possession",
            next_step=f"have {deal.name} deal anew; until then nobody should join",
        ) from None
    return deal


def place_of(content: Mapping[str, Any]) -> Place:
    """Read which registry and environment a deal's file says that it is for; `read` checks it.

    Raises:
        PeopleFileError: malformed.
    """
    try:
        fields = canonical.decode(raw(content["deal"]))
        return Place(registry_id=fields[2].decode(), environment=fields[3].decode())
    except (CanonicalError, KeyError, TypeError, ValueError) as error:
        raise PeopleFileError("the deal is malformed", reason="format") from error


def join(person: Person, deals: Sequence[Deal]) -> tuple[AuditorsKey, bytearray]:
    """Check every deal, and add up.

    Returns:
        The key, signed by this auditor, and the auditor's share, which the caller keeps and wipes.

    Raises:
        PeopleFileError: a deal is missing, twice there or about another set, or a share is wrong; the dealer is
        named.
    """
    chosen = _one_set(deals)
    number = chosen.number(person.card)
    _require_each_once(chosen, deals)
    parts = [_own_share(person, deal, number) for deal in deals]
    own = share.total(parts)
    wipe(*parts)
    commitments = [
        share.total_public(deal.commitments[place] for deal in deals) for place in range(chosen.threshold)
    ]
    key = AuditorsKey(
        place=chosen.place,
        threshold=chosen.threshold,
        public=commitments[0],
        members=tuple(
            Member(card=card, verification=share.public_share(commitments, each))
            for each, card in enumerate(chosen.cards, 1)
        ),
    )
    return key.signed(number, person.signer), own


def agree(statements: Sequence[AuditorsKey]) -> AuditorsKey:
    """Join what each auditor has signed into one key that all have signed.

    Raises:
        PeopleFileError: they differ, or one is missing.
    """
    first, *others = statements
    for other in others:
        if other.statement != first.statement:
            names = ", ".join(sorted({_signers(other), _signers(first)}))
            raise PeopleFileError(
                f"not one key: the statements of {names} differ",
                reason="differ",
                next_step="compare the deals that each has joined, by padan-audit keys show, and join the same ones",
            )
        first = replace(first, signatures={**first.signatures, **other.signatures})
    first.require_sound()
    return first


def _signers(key: AuditorsKey) -> str:
    return " and ".join(key.members[number - 1].card.name for number in sorted(key.signatures))


def _decode(document: bytes, place: Place) -> Deal:
    fields = canonical.decode(document)
    if (fields[2].decode(), fields[3].decode()) != (place.registry_id, place.environment):
        raise ValueError("of another registry or environment")
    if fields[1] != bytes((FORMAT,)) or fields.keys() != set(range(1, 10)):
        raise ValueError("of another format")
    cards = []
    for each in canonical.decode_list(fields[5]):
        card = canonical.decode(each)
        cards.append(Card(name=card[1].decode(), signing=card[2], sealing=card[3]))
    ((threshold,), (dealer,)) = fields[4], fields[6]
    chosen = Group.of(place, threshold, cards)
    deal = Deal(
        set=chosen,
        dealer=dealer,
        commitments=tuple(canonical.decode_list(fields[7])),
        possession=fields[8],
        boxes=tuple(canonical.decode_list(fields[9])),
    )
    counts = len(deal.commitments), len(deal.boxes)
    sizes = {len(each) for each in deal.boxes}
    if (
        counts != (threshold, len(cards))
        or sizes != {_BOX_SIZE}
        or not 1 <= dealer <= len(cards)
        or deal.encode() != document
    ):
        raise ValueError("of another shape")
    return deal


def _one_set(deals: Sequence[Deal]) -> Group:
    chosen = deals[0].set
    for deal in deals:
        if deal.set != chosen:
            raise PeopleFileError(
                f"{deal.name} and {deals[0].name} dealt for different sets of auditors or thresholds",
                reason="differ",
                next_step="agree on the cards and the threshold, and deal anew",
            )
    return chosen


def _require_each_once(chosen: Group, deals: Sequence[Deal]) -> None:
    dealers = [deal.dealer for deal in deals]
    for deal in deals:
        if dealers.count(deal.dealer) > 1:
            raise PeopleFileError(
                f"the same auditor twice: {deal.name} dealt twice",
                reason="twice",
                next_step="take one deal of each auditor",
            )
    missing = [card.name for number, card in enumerate(chosen.cards, 1) if number not in dealers]
    if missing:
        raise PeopleFileError(
            f"no deal of {', '.join(missing)}",
            reason="missing",
            next_step="join once there is a deal of every auditor",
        )


def _own_share(person: Person, deal: Deal, number: int) -> bytearray:
    try:
        own = bytearray(
            person.recipient.open(deal.boxes[number - 1], info=_info(deal.set, deal.dealer, number))
        )
        share.check(deal.commitments, number, own)
    except (SealingError, GroupError, ShareError) as error:
        raise PeopleFileError(
            f"the share that {deal.name} dealt is wrong: {error}",
            reason="share",
            next_step=f"show this deal to all auditors, and have {deal.name} deal anew",
        ) from None
    return own


def _context(chosen: Group, dealer: int) -> bytes:
    return chosen.place.label("auditors-possession") + chosen.digest + bytes((dealer,))


def _info(chosen: Group, dealer: int, member: int) -> bytes:
    return chosen.place.label("auditors-share") + chosen.digest + bytes((dealer, member))
