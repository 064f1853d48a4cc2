"""The keyring as a value."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from keys.errors import KeyNotFoundError, KeyStateError, TransitionError
from keys.keyset import KEY_ID_MAX, Keyring, RingKey
from keys.purpose import RULES, TYPE_URLS, Purpose
from keys.realm import Realm
from keys.state import TRANSITIONS, KeyState
from tests.unit.keys.conftest import NOW

if TYPE_CHECKING:
    from datetime import datetime

REALM = Realm(registry_id="registry-test", environment="development")
PURPOSES = (Purpose.INDEX, Purpose.HANDLE, Purpose.REPLAY, Purpose.RECEIPT_SIGNING)


def new_key(purpose: Purpose, key_id: int, *, created: datetime = NOW) -> RingKey:
    """Make a pre-active key."""
    algorithm = RULES[purpose].algorithm
    return RingKey(
        key_id=key_id,
        state=KeyState.PRE_ACTIVE,
        algorithm=algorithm,
        type_url=TYPE_URLS[algorithm],
        wrapped=b"wrapped",
        public=b"p" * 32 if purpose is Purpose.RECEIPT_SIGNING else b"",
        created=created,
    )


def empty() -> Keyring:
    """Make a keyring without keys."""
    return Keyring(realm=REALM, counter=1, kek_id="0" * 16)


class KeyringMachine(RuleBasedStateMachine):
    """Random custodians: whatever they do, the keyring keeps its rules, and a plain model agrees with it."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = empty()
        self.now = NOW
        self.states: dict[tuple[Purpose, int], KeyState] = {}
        self.primary: dict[Purpose, int] = {}

    @rule(purpose=st.sampled_from(PURPOSES), key_id=st.integers(-1, 9))
    def add(self, purpose: Purpose, key_id: int) -> None:
        """Add a key: unique ids, one living permanent key."""
        living = {KeyState.PRE_ACTIVE, KeyState.ACTIVE, KeyState.DEACTIVATED}
        second = RULES[purpose].permanent and any(
            of is purpose and state in living for (of, _), state in self.states.items()
        )
        taken = key_id < 1 or any(key_id == other for _, other in self.states)
        if taken or second:
            with pytest.raises(TransitionError):
                self.ring.add(purpose, new_key(purpose, key_id))
            return
        self.ring = self.ring.add(purpose, new_key(purpose, key_id, created=self.now))
        self.states[purpose, key_id] = KeyState.PRE_ACTIVE

    @rule(purpose=st.sampled_from(PURPOSES), key_id=st.integers(1, 9), state=st.sampled_from(KeyState))
    def move(self, purpose: Purpose, key_id: int, state: KeyState) -> None:
        """Move a key: only legal steps, never a primary into rest."""
        self.now += timedelta(days=1)
        old = self.states.get((purpose, key_id))
        if old is None:
            with pytest.raises(KeyNotFoundError):
                self.ring.transition(purpose, key_id, state, at=self.now)
            return
        is_primary = self.primary.get(purpose) == key_id
        if (old, state) not in TRANSITIONS or (is_primary and state is KeyState.DEACTIVATED):
            with pytest.raises(TransitionError):
                self.ring.transition(purpose, key_id, state, at=self.now)
            return
        self.ring = self.ring.transition(purpose, key_id, state, at=self.now)
        self.states[purpose, key_id] = state
        if is_primary:
            del self.primary[purpose]

    @rule(purpose=st.sampled_from(PURPOSES), key_id=st.integers(1, 9))
    def prefer(self, purpose: Purpose, key_id: int) -> None:
        """Make a key primary: only an active one."""
        state = self.states.get((purpose, key_id))
        if state is not KeyState.ACTIVE:
            with pytest.raises(KeyNotFoundError if state is None else KeyStateError):
                self.ring.make_primary(purpose, key_id)
            return
        self.ring = self.ring.make_primary(purpose, key_id)
        self.primary[purpose] = key_id

    @invariant()
    def the_model_agrees(self) -> None:
        """States and primaries are the model's; a destroyed key has no material, and dates follow the states."""
        assert {(Purpose(purpose), key.key_id): key.state for purpose, key in self.ring} == self.states
        for purpose in PURPOSES:
            assert self.ring.keyset(purpose).primary == self.primary.get(purpose)
        for _, key in self.ring:
            assert bool(key.wrapped) == key.state.has_material
            dates = [key.created, key.activated, key.deactivated, key.compromised, key.destroyed]
            happened = [at for at in dates if at is not None]
            assert happened == sorted(happened)
            assert (key.destroyed is not None) == (key.state is KeyState.DESTROYED)


TestKeyringMachine = KeyringMachine.TestCase


def test_a_key_id_fits_in_32_bits() -> None:
    """Zero and 2^32 are no key ids."""
    for key_id in (0, KEY_ID_MAX + 1):
        with pytest.raises(TransitionError, match="2\\^32"):
            empty().add(Purpose.INDEX, new_key(Purpose.INDEX, key_id))
    key = new_key(Purpose.INDEX, KEY_ID_MAX)
    assert empty().add(Purpose.INDEX, key).key(Purpose.INDEX, KEY_ID_MAX).prefix == b"\x01\xff\xff\xff\xff"


def test_a_key_enters_pre_active() -> None:
    """A key that claims a life elsewhere is not added."""
    active = (
        empty()
        .add(Purpose.INDEX, new_key(Purpose.INDEX, 1))
        .transition(Purpose.INDEX, 1, KeyState.ACTIVE, at=NOW)
    )
    with pytest.raises(TransitionError, match="pre-active"):
        empty().add(Purpose.INDEX, active.key(Purpose.INDEX, 1))


def test_a_purpose_without_a_primary_says_so() -> None:
    """Nothing is made without a primary key."""
    with pytest.raises(KeyNotFoundError, match="no primary index key"):
        empty().primary(Purpose.INDEX)


def test_public_keys_outlive_their_keys() -> None:
    """A destroyed signing key is still listed, so that its signatures verify."""
    purpose = Purpose.RECEIPT_SIGNING
    ring = empty().add(purpose, new_key(purpose, 1)).transition(purpose, 1, KeyState.DESTROYED, at=NOW)
    (public,) = ring.public_keys()
    assert (public.key_id, public.state, public.public_key) == (1, KeyState.DESTROYED, b"p" * 32)
    assert public.kid == public.jwk["kid"]


def test_a_wrapped_key_is_not_shown() -> None:
    """The representation of a key is free of its wrapped bytes."""
    assert "wrapped" not in repr(new_key(Purpose.INDEX, 1))
