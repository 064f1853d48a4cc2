"""One change of a keyring while its lock is held: the keyring as it comes to be, and what its history will say."""

from __future__ import annotations

import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys.events import Event
from keys.keyset import Keyring, RingKey
from keys.purpose import TYPE_URLS, Algorithm, rules
from keys.signing import public_of
from keys.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from keys.kek import Kek
    from keys.keyceremony import Sitting
    from keys.purpose import KeysetName

_STATE_EVENTS: Final = MappingProxyType(
    {
        KeyState.ACTIVE: "key-activated",
        KeyState.DEACTIVATED: "key-deactivated",
        KeyState.COMPROMISED: "key-compromised",
        KeyState.DESTROYED: "key-destroyed",
    }
)


class Session:
    """One change under the lock: the keyring as it is, its KEK, and what is said about the change.

    Args:
        ring: the keyring as it is.
        kek: the KEK that wraps it.
        at: when the change happens, UTC, whole seconds.
        sitting: what proposals are held against.
    """

    def __init__(self, *, ring: Keyring, kek: Kek, at: datetime, sitting: Sitting) -> None:
        self.ring = ring
        self.kek = kek
        self.at = at
        self.sitting = sitting
        self.said: list[tuple[str, dict[str, str]]] = []

    def say(self, name: str, **details: str) -> None:
        """Add a line to the history."""
        self.said.append((name, details))

    def say_all(self, lines: Iterable[tuple[str, dict[str, str]]]) -> None:
        """Add several lines to the history."""
        self.said.extend(lines)

    def lines(self, actor: str) -> list[Event]:
        """Give the history's lines of the change, of which an account is the actor, behind those that happened."""
        return [
            Event(
                number=self.ring.events + position,
                counter=self.ring.counter + 1,
                at=self.at,
                name=name,
                actor=actor,
                details=details,
            )
            for position, (name, details) in enumerate(self.said, start=1)
        ]

    def make(self, purpose: KeysetName) -> int:
        """Add a new pre-active key; return its id."""
        made = rules(purpose)
        key_id = self._free_id()
        material = bytearray(secrets.token_bytes(made.size))
        key = RingKey(
            key_id=key_id,
            state=KeyState.PRE_ACTIVE,
            algorithm=str(made.algorithm),
            type_url=TYPE_URLS[made.algorithm],
            wrapped=self.kek.wrap(material, realm=self.ring.realm, purpose=purpose, key_id=key_id),
            public=public_of(material) if made.algorithm is Algorithm.ED25519 else b"",
            created=self.at,
        )
        material[:] = bytes(len(material))
        self.ring = self.ring.add(purpose, key)
        self.say("key-created", purpose=str(purpose), key_id=str(key_id))
        return key_id

    def move(self, purpose: KeysetName, key_id: int, state: KeyState, **details: str) -> None:
        """Move a key to a state."""
        self.ring = self.ring.transition(purpose, key_id, state, at=self.at)
        self.say(_STATE_EVENTS[state], purpose=str(purpose), key_id=str(key_id), **details)

    def prefer(self, purpose: KeysetName, key_id: int) -> None:
        """Make a key primary."""
        self.ring = self.ring.make_primary(purpose, key_id)
        self.say("key-primary", purpose=str(purpose), key_id=str(key_id))

    def resign(self, purpose: KeysetName) -> None:
        """Let no key of a domain be primary any more, since it ends; what becomes of the key says the history."""
        self.ring = self.ring.without_primary(purpose)

    def _free_id(self) -> int:
        taken = {key.key_id for _, key in self.ring}
        while (key_id := secrets.randbits(32)) == 0 or key_id in taken:
            pass
        return key_id
