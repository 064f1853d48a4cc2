"""Follows the keyring: what custodians change reaches a running process within seconds, without a restart.

The process takes up the changed keyring from the key agent, or reads it itself, and tells whoever holds objects made of
a key: signers of receipts and checkpoints, the seals of stored answers. What an old key has signed or sealed stays
valid for as long as the keyring says so. Where a passphrase would have to be typed in, only a restart follows it.

Where one of them cannot follow, those after it wait: this is told once, and tried again at each look until all have.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final

from keys import ringformat
from keys.errors import KeyAgentSealedError, KeysError
from keys.ringfile import RingFile
from verifier.errors import OperatorError, ServiceError
from verifier.housekeeping import Duty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from verifier.metrics import SealGauges

EVERY: Final = 2.0
"""Seconds between two looks."""

_LOGGER = logging.getLogger("padan.keys")


class KeyWatch:
    """Looks at the keyring, for one process.

    Args:
        agent: the process's keys.
        followers: take up what is new, in this order.
        seal: shows whether the key agent is sealed; None where nobody looks.
        keyring: the keyring's file, to show whether it is another one than the process has.
    """

    def __init__(
        self,
        agent: KeyAgent,
        followers: Sequence[Callable[[], object]],
        seal: SealGauges | None = None,
        keyring: Path | None = None,
    ) -> None:
        self._agent = agent
        self._followers = followers
        self._seal = seal
        self._ring = None if keyring is None else RingFile(keyring)
        self._seen = agent.keyring_counter
        self._said = ""

    def look(self) -> None:
        """Look once."""
        try:
            self._refresh()
            # The keyring may have been taken up by whoever met a key that was missing.
            if self._agent.keyring_counter == self._seen:
                return
            seen = self._agent.keyring_counter
            for follow in self._followers:
                follow()
        except (KeysError, OperatorError, ServiceError) as error:
            if str(error) != self._said:
                self._said = str(error)
                _LOGGER.warning("the changed keyring is not followed", extra={"reason": self._said})
            return
        self._seen, self._said = seen, ""
        _LOGGER.info("the changed keyring is followed", extra={"count": seen})

    def _refresh(self) -> None:
        """Take up the agent's keyring; an agent that is sealed anew has none, while this process has its keys still."""
        sealed = False
        try:
            self._agent.refresh()
        except KeyAgentSealedError:
            sealed = True
            raise
        finally:
            if self._seal is not None:
                self._seal.show(sealed=sealed)
                self._show_behind(self._seal)

    def _show_behind(self, seal: SealGauges) -> None:
        """Show whether the file is a keyring that this process has not: its custodians have to come, or a restart."""
        if self._ring is not None:
            with contextlib.suppress(KeysError):  # one that cannot be read now is told by whoever needs it
                newest = ringformat.peek(self._ring.read()).counter
                seal.show_behind(behind=newest != self._agent.keyring_counter)


def following(
    agent: KeyAgent,
    followers: Sequence[Callable[[], object]],
    seal: SealGauges | None = None,
    keyring: Path | None = None,
) -> Duty:
    """Make the duty of a process that holds keys."""
    return Duty(name="keys", every=EVERY, act=KeyWatch(agent, followers, seal, keyring).look)
