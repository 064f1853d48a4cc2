"""The keyring as a value: keysets by purpose, their keys, states and dates. Pure, no key in the clear.

Shaped like a Tink keyset: each purpose has a primary key id and a list of keys, and each key a 32-bit id, a
status and the 5-byte prefix `0x01 | u32 key id`. Every change gives a new keyring; only legal steps between
states exist.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys.errors import KeyNotFoundError, KeysetEndedError, KeyStateError, TransitionError
from keys.purpose import rules
from keys.signing import jwk, thumbprint
from keys.state import KeyState, check_transition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from keys.purpose import KeysetName
    from keys.realm import Realm

KEY_ID_MAX: Final = 2**32 - 1
NO_EVENTS: Final = bytes(32)
"""Head of an events file without lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """One key of a keyset, wrapped.

    Args:
        key_id: 1 to 2^32 - 1, random, unique in its keyring.
        state: state of NIST SP 800-57.
        algorithm: a value of `keys.purpose.Algorithm`, or the text of one that this release does not know.
        type_url: Tink's name of the algorithm.
        wrapped: the key under the KEK; empty once destroyed.
        public: the public key where the algorithm has one; it outlives the key, so that signatures verify.
        created: when it was made; all dates are UTC and whole seconds.
        activated: when it became active.
        deactivated: when it stopped protecting.
        compromised: when it was declared compromised.
        destroyed: when its material went.
    """

    key_id: int
    state: KeyState
    algorithm: str
    type_url: str
    wrapped: bytes = dataclasses.field(repr=False)
    public: bytes = b""
    created: datetime
    activated: datetime | None = None
    deactivated: datetime | None = None
    compromised: datetime | None = None
    destroyed: datetime | None = None

    @property
    def prefix(self) -> bytes:
        """What stands before outputs of the key where keys meet: 0x01 | u32 key id."""
        return b"\x01" + self.key_id.to_bytes(4, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """The keys of one purpose; a purpose that this release does not know is kept as its text."""

    purpose: str
    primary: int | None
    keys: tuple[RingKey, ...]

    @property
    def living(self) -> tuple[RingKey, ...]:
        """The keys that are not destroyed, in order of creation."""
        return tuple(key for key in self.keys if key.state.has_material)

    def find(self, key_id: int) -> RingKey:
        """Find a key.

        Raises:
            KeyNotFoundError: no such key.
        """
        for key in self.keys:
            if key.key_id == key_id:
                return key
        raise KeyNotFoundError(f"the keyring holds no {self.purpose} key {key_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key of the keyring, for those who check signatures."""

    purpose: str
    key_id: int
    state: KeyState
    public_key: bytes

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint."""
        return thumbprint(self.public_key)

    @property
    def jwk(self) -> dict[str, str]:
        """The key as a JWK."""
        return jwk(self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """All keys of a realm.

    Args:
        realm: the registry and environment.
        counter: goes up by one with every write; logged, so that a keyring that was put back shows.
        kek_id: the KEK that wraps the keys.
        events: lines of the events file that happened.
        events_head: SHA-256 of the last of these lines.
        keysets: by purpose.
    """

    realm: Realm
    counter: int
    kek_id: str
    events: int = 0
    events_head: bytes = NO_EVENTS
    keysets: Mapping[str, Keyset] = dataclasses.field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, RingKey]]:
        for purpose in sorted(self.keysets):
            for key in self.keysets[purpose].keys:
                yield purpose, key

    def keyset(self, purpose: str) -> Keyset:
        """Look up the keyset of a purpose; an empty one where there is none."""
        return self.keysets.get(purpose) or Keyset(purpose=str(purpose), primary=None, keys=())

    def key(self, purpose: str, key_id: int) -> RingKey:
        """Find a key.

        Raises:
            KeyNotFoundError: no such key.
        """
        return self.keyset(purpose).find(key_id)

    def primary(self, purpose: str) -> RingKey:
        """Find the key that makes new things.

        Raises:
            KeyNotFoundError: the purpose has no primary key.
            KeysetEndedError: it had keys, and none of them is left.
        """
        keyset = self.keyset(purpose)
        if keyset.keys and not keyset.living:
            raise KeysetEndedError(f"every {purpose} key was destroyed")
        if keyset.primary is None:
            raise KeyNotFoundError(f"the keyring has no primary {purpose} key")
        return keyset.find(keyset.primary)

    def public_keys(self) -> tuple[PublicKey, ...]:
        """List every public key, also of destroyed keys, by purpose and in order of creation."""
        return tuple(
            PublicKey(purpose=purpose, key_id=key.key_id, state=key.state, public_key=key.public)
            for purpose, key in self
            if key.public
        )

    def add(self, purpose: KeysetName, key: RingKey) -> Keyring:
        """Add a pre-active key.

        Raises:
            TransitionError: the id is taken, the key is not pre-active, or the purpose's one permanent key is there.
        """
        if key.state is not KeyState.PRE_ACTIVE:
            raise TransitionError("a key enters the keyring pre-active")
        if not 0 < key.key_id <= KEY_ID_MAX or any(other.key_id == key.key_id for _, other in self):
            raise TransitionError("a key id is 1 to 2^32 - 1 and unique in its keyring")
        keyset = self.keyset(purpose)
        living = [other for other in keyset.keys if other.state in _LIVING]
        if rules(purpose).permanent and living:
            raise TransitionError(
                f"the {purpose} key is permanent: what it made must stay equal, so there is no second one beside it"
            )
        return self._with(dataclasses.replace(keyset, keys=(*keyset.keys, key)))

    def transition(self, purpose: str, key_id: int, state: KeyState, *, at: datetime) -> Keyring:
        """Move a key to another state and date it.

        A compromised primary stops being primary; a primary is not deactivated while it is one.

        Raises:
            KeyNotFoundError: no such key.
            TransitionError: not a legal step.
        """
        keyset = self.keyset(purpose)
        key = keyset.find(key_id)
        check_transition(key.state, state)
        is_primary = keyset.primary == key_id
        if is_primary and state is KeyState.DEACTIVATED:
            raise TransitionError(f"the {purpose} key {key_id} is primary; make another key primary first")
        changed = dataclasses.replace(
            key,
            state=state,
            wrapped=key.wrapped if state.has_material else b"",
            activated=at if state is KeyState.ACTIVE else key.activated,
            deactivated=at if state is KeyState.DEACTIVATED else key.deactivated,
            compromised=at if state is KeyState.COMPROMISED else key.compromised,
            destroyed=at if state is KeyState.DESTROYED else key.destroyed,
        )
        return self._with(
            dataclasses.replace(
                keyset,
                primary=None if is_primary and not state.may_protect else keyset.primary,
                keys=tuple(changed if other is key else other for other in keyset.keys),
            )
        )

    def make_primary(self, purpose: str, key_id: int) -> Keyring:
        """Let a key make whatever is made from now on.

        Raises:
            KeyNotFoundError: no such key.
            KeyStateError: the key is not active.
        """
        keyset = self.keyset(purpose)
        if not keyset.find(key_id).state.may_protect:
            raise KeyStateError(f"the {purpose} key {key_id} is not active and cannot be primary")
        return self._with(dataclasses.replace(keyset, primary=key_id))

    def without_primary(self, purpose: KeysetName) -> Keyring:
        """Let nothing more be made of a keyset that is for one domain, which ends.

        Raises:
            TransitionError: the service needs a key of this purpose.
        """
        if not rules(purpose).scoped:
            raise TransitionError(f"the service needs a primary {purpose} key")
        return self._with(dataclasses.replace(self.keyset(purpose), primary=None))

    def rewrapped(self, kek_id: str, wrapped: Mapping[int, bytes]) -> Keyring:
        """Replace every wrapped key by the same key under another KEK, by key id."""
        return dataclasses.replace(
            self,
            kek_id=kek_id,
            keysets=MappingProxyType(
                {
                    purpose: dataclasses.replace(
                        keyset,
                        keys=tuple(
                            dataclasses.replace(key, wrapped=wrapped[key.key_id]) if key.wrapped else key
                            for key in keyset.keys
                        ),
                    )
                    for purpose, keyset in self.keysets.items()
                }
            ),
        )

    def written(self, *, events: int, events_head: bytes) -> Keyring:
        """Give what the next write stores: one higher counter, and the events that happened."""
        return dataclasses.replace(self, counter=self.counter + 1, events=events, events_head=events_head)

    def _with(self, keyset: Keyset) -> Keyring:
        return dataclasses.replace(
            self, keysets=MappingProxyType({**self.keysets, str(keyset.purpose): keyset})
        )


_LIVING: Final = frozenset({KeyState.PRE_ACTIVE, KeyState.ACTIVE, KeyState.DEACTIVATED})
