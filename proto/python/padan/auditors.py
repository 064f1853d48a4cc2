"""The auditors' key as everybody may know it: who the auditors are, how many it takes, and what periods are sealed to.

    statement = canonical: 1 format u8 = 1, 2 registry, 3 environment, 4 threshold u8, 5 public key A (32),
                6 list of members, each canonical: 1 name, 2 Ed25519 key, 3 X25519 key, 4 verification key A_i = s_i
                G (32)
    key id    = SHA-256(label "auditors-key" | statement)[:16]
    signature = Ed25519(label "auditors-key" | statement), by each member

Guarantees: `decode` gives a key only whose every member has signed it, whose names and keys are distinct, and whose
verification keys are shares of A by the threshold. Who made up a key of its own, with auditors of its own, passes
all of that: the real ones see from the key id in each envelope to which key a period was sealed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from padan import canonical, share, signature
from padan.card import FORMAT, Card, PeopleFileError, card_of, raw, read_json, require_distinct, text
from padan.group import GroupError
from padan.place import Place
from padan.share import ShareError
from padan.signature import SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping

USE: Final = "auditors-key"
KEY_ID_SIZE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An auditor of a key.

    Attributes:
        card: name and public keys.
        verification: the auditor's share times the generator, 32 bytes.
    """

    card: Card
    verification: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditorsKey:
    """The auditors' key.

    Attributes:
        place: registry and environment.
        threshold: auditors that it takes.
        public: A, 32 bytes.
        members: the auditors, by number from 1.
        signatures: by number, of those who have signed.
    """

    place: Place
    threshold: int
    public: bytes
    members: tuple[Member, ...]
    signatures: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def statement(self) -> bytes:
        """What is signed, without its label."""
        return canonical.encode(
            {
                1: bytes((FORMAT,)),
                2: self.place.registry_id.encode(),
                3: self.place.environment.encode(),
                4: bytes((self.threshold,)),
                5: self.public,
                6: canonical.encode_list(each.card.encode(each.verification) for each in self.members),
            }
        )

    @property
    def message(self) -> bytes:
        """What is signed."""
        return self.place.label(USE) + self.statement

    @property
    def key_id(self) -> bytes:
        """Name the key, 16 bytes: another member, threshold or share is another key."""
        return hashlib.sha256(self.message).digest()[:KEY_ID_SIZE]

    @property
    def roster(self) -> dict[str, bytes]:
        """Give who may approve: thumbprints to Ed25519 keys."""
        return {each.card.signer_id: each.card.signing for each in self.members}

    def number(self, name: str) -> int:
        """Give an auditor's number.

        Raises:
            PeopleFileError: there is none of this name.
        """
        for number, member in enumerate(self.members, 1):
            if member.card.name == name:
                return number
        raise PeopleFileError(f"{name} is none of the auditors of this key", reason="member")

    def name_of(self, signer_id: str) -> str:
        """Name the auditor of a signing key; empty where it is nobody's."""
        return next((each.card.name for each in self.members if each.card.signer_id == signer_id), "")

    def signed(self, number: int, by: signature.Signer) -> AuditorsKey:
        """Add a member's signature."""
        return replace(self, signatures={**self.signatures, number: by.sign(self.message)})

    def require_sound(self, *, complete: bool = True) -> None:
        """See that everything fits together.

        Args:
            complete: every member must have signed; else at least one.

        Raises:
            PeopleFileError: something does not; the message says what.
        """
        require_distinct([each.card for each in self.members])
        try:
            share.require_sizes(self.threshold, len(self.members))
            _require_shares(self)
        except (GroupError, ShareError) as error:
            raise PeopleFileError(
                f"the verification keys are no shares of the key: {error}", reason="key"
            ) from None
        for number, found in self.signatures.items():
            card = self.members[number - 1].card
            try:
                signature.verify(card.signing, self.message, found)
            except SignatureError:
                raise PeopleFileError(
                    f"the signature of {card.name} does not verify", reason="signature"
                ) from None
        missing = [
            each.card.name for number, each in enumerate(self.members, 1) if number not in self.signatures
        ]
        if (complete and missing) or len(missing) == len(self.members):
            raise PeopleFileError(
                f"not signed by {', '.join(missing)}",
                reason="signature",
                next_step="join the statements of all auditors with padan-audit keys check",
            )


def _require_shares(key: AuditorsKey) -> None:
    """See that any threshold of verification keys comes to A: the first ones, each other in the last one's place."""
    first = list(range(1, key.threshold))
    for last in range(key.threshold, len(key.members) + 1):
        parts = {number: key.members[number - 1].verification for number in (*first, last)}
        if bytes(share.combine(parts)) != key.public:
            raise ShareError(f"that of {key.members[last - 1].card.name} does not fit")


def encode(key: AuditorsKey) -> bytes:
    """Write the file."""
    members = [
        {
            "name": member.card.name,
            "signing_key": text(member.card.signing),
            "sealing_key": text(member.card.sealing),
            "verification_key": text(member.verification),
            **({"signature": text(key.signatures[number])} if number in key.signatures else {}),
        }
        for number, member in enumerate(key.members, 1)
    ]
    content = {
        "format": FORMAT,
        "use": USE,
        "registry_id": key.place.registry_id,
        "environment": key.place.environment,
        "threshold": key.threshold,
        "public_key": text(key.public),
        "auditors": members,
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def decode(data: bytes, *, complete: bool = True) -> AuditorsKey:
    """Read the file and check all of it.

    Args:
        data: JSON, at most 64 KiB.
        complete: every member must have signed; else at least one.

    Raises:
        PeopleFileError: malformed, of another format, or not sound.
    """
    content = read_json(data, USE)
    try:
        key = AuditorsKey(
            place=Place(registry_id=str(content["registry_id"]), environment=str(content["environment"])),
            threshold=int(content["threshold"]),
            public=raw(content["public_key"]),
            members=tuple(
                Member(card=card_of(each), verification=raw(each["verification_key"]))
                for each in content["auditors"]
            ),
            signatures={
                number: raw(each["signature"])
                for number, each in enumerate(content["auditors"], 1)
                if "signature" in each
            },
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PeopleFileError("the auditors' key is malformed", reason="format") from error
    key.require_sound(complete=complete)
    return key
