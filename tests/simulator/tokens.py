"""Keys behind tokens, without a keyring: what a key agent gives of them, from seeds that a name decides."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keys.errors import KeyNotFoundError, KeysetEndedError
from keys.keyset import RingKey
from keys.meter import Uncounted
from keys.purpose import TYPE_URLS, rules
from keys.state import KeyState
from keys.tokenkeys import Held, TokenKeys

if TYPE_CHECKING:
    from keys.purpose import KeysetName
    from keys.realm import Realm

_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedTokenAgent:
    """Holds one key for each keyset that is asked for, and more where a test rotates one.

    Args:
        realm: registry and environment.
        known: token domains that have keys; None for any.
    """

    def __init__(self, realm: Realm, known: set[str] | None = None) -> None:
        self.realm = realm
        self.known = known
        self.ended: set[str] = set()
        self.over: set[str] = set()
        """Keysets whose primary key may make nothing new any more."""
        self._versions: dict[str, list[datetime | None]] = {}

    def rotate(self, name: KeysetName, *, at: datetime) -> None:
        """Put a new key in the place of the present one, which is replaced then."""
        versions = self._versions.setdefault(str(name), [None])
        versions[-1] = at
        versions.append(None)

    def end(self, domain: str) -> None:
        """Destroy every key of a domain."""
        self.ended.add(domain)

    def tokens(self) -> TokenKeys:
        """Give the keys behind tokens."""
        return TokenKeys(self.realm, self._held, Uncounted())

    def _held(self, name: KeysetName) -> list[Held]:
        domain = str(name).partition("/")[2]
        if domain and self.known is not None and domain not in self.known:
            raise KeyNotFoundError(f"the keyring has no primary {name} key")
        if domain in self.ended:
            raise KeysetEndedError(f"every {name} key was destroyed")
        found = []
        for place, replaced in enumerate(self._versions.get(str(name), [None])):
            seed = hashlib.sha256(f"{name} {place}".encode()).digest()
            algorithm = rules(name).algorithm
            key = RingKey(
                key_id=int.from_bytes(seed[:4], "big"),
                state=KeyState.ACTIVE if replaced is None else KeyState.DEACTIVATED,
                algorithm=str(algorithm),
                type_url=TYPE_URLS[algorithm],
                wrapped=b"",
                created=_BEGUN,
                activated=_BEGUN,
                deactivated=replaced,
            )
            makes = replaced is None and str(name) not in self.over
            found.append(Held(key, bytearray(seed), place, makes=makes))
        return found[::-1]
