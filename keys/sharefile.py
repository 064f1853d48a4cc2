"""The file of one custodian's share: sealed to the custodian's own key, and useless without it.

    box = 0x01 | enc 32 | ciphertext 32 | tag 16, HPKE to the custodian's X25519 key

The file says of which quorum and generation it is, so that a share of another one is refused before anything opens.
Format: docs/formats/quorum.md.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys.errors import ForeignShareError, KeyUseError, QuorumFileError, ShareRefusedError
from keys.quorum import FORMAT, info_of, read_json
from keys.realm import Realm
from keys.secret import taken
from padan.errors import SealingError
from padan.sealing import OVERHEAD

if TYPE_CHECKING:
    from keys.quorum import Generation
    from padan.personfile import Person

USE: Final = "custodian-share"
SHARE_SIZE: Final = 32
BOX_SIZE: Final = OVERHEAD + SHARE_SIZE
_ID_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFile:
    """A share as its custodian keeps it.

    Attributes:
        realm: the registry and environment.
        generation: number of the generation.
        quorum_id: of the dealing, 32 bytes.
        name: whose it is.
        member: the custodian's number, from 1.
        box: the sealed share, 81 bytes.
    """

    realm: Realm
    generation: int
    quorum_id: bytes
    name: str
    member: int
    box: bytes

    def encode(self) -> bytes:
        """Write the file."""
        content = {
            "format": FORMAT,
            "use": USE,
            "registry_id": self.realm.registry_id,
            "environment": self.realm.environment,
            "generation": self.generation,
            "quorum": self.quorum_id.hex(),
            "name": self.name,
            "number": self.member,
            "box": base64.b64encode(self.box).decode(),
        }
        return json.dumps(content, indent=1).encode() + b"\n"

    def require_of(self, generation: Generation) -> None:
        """See that the share belongs to a generation.

        Raises:
            ForeignShareError: it is of another generation, or of another quorum altogether.
            ShareRefusedError: its holder is none of the custodians, or has another number.
        """
        if self.quorum_id != generation.id:
            other = (
                f"is of generation {self.generation}, and generation {generation.number} is in use"
                if self.generation != generation.number
                else "is of another ceremony"
            )
            raise ForeignShareError(f"the share of {self.name} {other}")
        if generation.number_of(self.name) != self.member:
            raise ShareRefusedError(f"the share of {self.name} has another custodian's number")

    def open(self, person: Person) -> bytearray:
        """Open the share: 32 bytes, which the caller wipes.

        Raises:
            ShareRefusedError: it is another person's, or was changed.
        """
        if person.card.name != self.name:
            raise ShareRefusedError(f"the share is of {self.name}, and the keys are of {person.card.name}")
        info = info_of(self.realm, self.quorum_id, self.member)
        try:
            opened = person.recipient.open(self.box, info=info)
        except SealingError as error:
            raise ShareRefusedError(
                f"the share of {self.name} does not open with the keys of {self.name}: changed, or of other keys"
            ) from error
        if len(opened) != SHARE_SIZE:
            raise ShareRefusedError(f"the share of {self.name} has another size")
        return taken(opened)


def decode(data: bytes) -> ShareFile:
    """Read the file.

    Raises:
        QuorumFileError: malformed, or of a format that this release does not know.
    """
    content = read_json(data, USE)
    try:
        found = ShareFile(
            realm=Realm(registry_id=str(content["registry_id"]), environment=str(content["environment"])),
            generation=int(content["generation"]),
            quorum_id=bytes.fromhex(content["quorum"]),
            name=str(content["name"]),
            member=int(content["number"]),
            box=base64.b64decode(content["box"], validate=True),
        )
        sound = len(found.quorum_id) == _ID_SIZE and len(found.box) == BOX_SIZE and 0 < found.member < 256  # noqa: PLR2004
    except (KeyError, TypeError, ValueError, KeyUseError) as error:
        raise QuorumFileError("the file of the share is malformed") from error
    if not sound:
        raise QuorumFileError("the file of the share is malformed")
    return found
