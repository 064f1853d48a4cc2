"""A share on its way from a custodian's terminal to the key agent: sealed to a key that lives and dies with the agent.

So whatever ends TLS in between sees nothing, and what was recorded opens nothing once the agent is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.errors import ShareRefusedError
from keys.quorum import info_of
from keys.secret import Secret, burn, taken
from keys.sharefile import SHARE_SIZE
from padan import group, sealing
from padan.errors import SealingError
from padan.sealing import Recipient

if TYPE_CHECKING:
    from keys.quorum import Generation
    from keys.sharefile import ShareFile

USE: Final = "custody-share"


class ShareKey(Secret):
    """The agent's key."""

    __slots__ = ("_recipient", "public_key")

    def __init__(self) -> None:
        drawn = group.random_bytes(sealing.KEY_SIZE)
        self._recipient = Recipient(drawn)
        group.wipe(drawn)
        self.public_key: bytes = self._recipient.public_key
        """32 bytes."""

    def open(self, box: bytes, generation: Generation, member: int, proposal: bytes = b"") -> bytearray:
        """Open a share of one custodian: 32 bytes, which the caller wipes.

        Args:
            box: the sealed share.
            generation: the dealing that it must be of.
            member: the custodian's number.
            proposal: id of the proposal that it must be for, 32 bytes; empty where it is to open the keys.

        Raises:
            ShareRefusedError: it is not sealed to this key, or for another custodian, dealing or proposal; names the
                custodian.
        """
        info = info_of(generation.realm, generation.id, member, use=USE) + self.public_key + proposal
        try:
            found = self._recipient.open(box, info=info)
        except SealingError as error:
            raise ShareRefusedError(
                f"the share of {generation.names[member - 1]} was changed on its way, or is another custodian's "
                "or for something else"
            ) from error
        if len(found) != SHARE_SIZE:
            raise ShareRefusedError(f"the share of {generation.names[member - 1]} has another size")
        return taken(found)


def seal(share: bytearray, file: ShareFile, agent_key: bytes, proposal: bytes = b"") -> bytes:
    """Seal a share for an agent; the caller's buffer is zeroed.

    Args:
        share: 32 bytes.
        file: says whose it is, and of which dealing.
        agent_key: the agent's.
        proposal: id of the proposal that it is for, 32 bytes; empty where it is to open the keys.

    Raises:
        ShareRefusedError: the share has another size, or the agent's key is no key.
    """
    if len(share) != SHARE_SIZE:
        raise ShareRefusedError(f"the share of {file.name} has another size")
    info = info_of(file.realm, file.quorum_id, file.member, use=USE) + agent_key + proposal
    plain = bytes(share)
    try:
        return sealing.seal(plain, public_key=agent_key, info=info)
    except SealingError as error:
        raise ShareRefusedError("the agent's key is not usable") from error
    finally:
        group.wipe(share)
        burn(plain)
