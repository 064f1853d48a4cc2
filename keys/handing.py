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
from padan.errors import DisputeError
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

    def open(self, box: bytes, generation: Generation, member: int) -> bytearray:
        """Open a share of one custodian: 32 bytes, which the caller wipes.

        Raises:
            ShareRefusedError: it is not sealed to this key, or for another custodian or dealing; names the custodian.
        """
        info = info_of(generation.realm, generation.id, member, use=USE) + self.public_key
        try:
            found = self._recipient.open(box, info=info)
        except DisputeError as error:
            raise ShareRefusedError(
                f"the share of {generation.names[member - 1]} was changed on its way, or is another custodian's"
            ) from error
        if len(found) != SHARE_SIZE:
            raise ShareRefusedError(f"the share of {generation.names[member - 1]} has another size")
        return taken(found)


def seal(share: bytearray, file: ShareFile, agent_key: bytes) -> bytes:
    """Seal a share for an agent; the caller's buffer is zeroed.

    Raises:
        ShareRefusedError: the share has another size, or the agent's key is no key.
    """
    if len(share) != SHARE_SIZE:
        raise ShareRefusedError(f"the share of {file.name} has another size")
    info = info_of(file.realm, file.quorum_id, file.member, use=USE) + agent_key
    plain = bytes(share)
    try:
        return sealing.seal(plain, public_key=agent_key, info=info)
    except DisputeError as error:
        raise ShareRefusedError("the agent's key is not usable") from error
    finally:
        group.wipe(share)
        burn(plain)
