"""Every step between the states of NIST SP 800-57, over a real keyring file: legal ones happen, others change nothing.

A model holds what the states should be. Each rule asks for a change of any key to any state, by one custodian or by a
ceremony, and at any moment the disk may fail in the middle: what is on it is then the old keyring or the new one.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from keys import keyproof, ringformat
from keys.custody import Custody
from keys.errors import CustodianError, KeyNotFoundError, RosterStandsError, TransitionError
from keys.keychange import Action, Change
from keys.purpose import RULES, Purpose
from keys.realm import Realm
from keys.ringfile import RingFile
from keys.state import TRANSITIONS, KeyState
from tests.simulator.kek_provider import MemoryKekProvider
from tests.unit.keys.conftest import Clock
from tests.unit.keys.council import agree, seat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from keys.keyset import Keyring

PURPOSES = st.sampled_from([Purpose.BIOMETRIC, Purpose.REPLAY, Purpose.LOG_SIGNING, Purpose.HANDLE])
MOVES = {
    KeyState.ACTIVE: Action.ACTIVATE,
    KeyState.DEACTIVATED: Action.DEACTIVATE,
    KeyState.COMPROMISED: Action.COMPROMISE,
    KeyState.DESTROYED: Action.DESTROY,
}
STEPS = ("fsync", "link", "rename", "replace")
LIVING = {KeyState.PRE_ACTIVE, KeyState.ACTIVE, KeyState.DEACTIVATED}


@contextlib.contextmanager
def failing(step: int) -> Iterator[None]:
    """Let the n-th write, link or rename of the disk fail; 0 is none."""
    left = step

    def breaking(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(28, "no space left")
            return real(*args, **kwargs)

        return called

    with pytest.MonkeyPatch.context() as patch:
        if step:
            for name in STEPS:
                patch.setattr(os, name, breaking(getattr(os, name)))
        yield


def states_of(ring: Keyring) -> dict[tuple[str, int], KeyState]:
    """Say how each key stands."""
    return {(purpose, key.key_id): key.state for purpose, key in ring}


class Lifecycle(RuleBasedStateMachine):
    """Keys of a keyring, and what should have become of them."""

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "keyring.json"
        self.provider = MemoryKekProvider()
        self.clock = Clock()
        self.custody = Custody(path=self.path, provider=self.provider, actor="model", now=self.clock)
        self.realm = Realm(registry_id="registry-test", environment="development")
        ring = self.custody.create(self.realm)
        self.states = states_of(ring)
        self.primary = {purpose: ring.keyset(purpose).primary for purpose in Purpose}
        self.counter, self.events = ring.counter, ring.events
        self.seated = False

    def teardown(self) -> None:
        """Remove the folder."""
        self.folder.cleanup()

    @initialize(target=keys)
    def first(self) -> object:
        """Begin with the keys of a new keyring."""
        return multiple(*(key for key in self.states if key[0] in {"replay", "log-signing", "handle"}))

    @precondition(lambda self: not self.seated)
    @rule()
    def name_custodians(self) -> None:
        """From now on two of three decide."""
        seat(self.custody)
        self.seated = True
        self._happened()

    @rule(target=keys, purpose=PURPOSES, cut=st.integers(0, 12))
    def create(self, purpose: Purpose, cut: int) -> object:
        """Make a key; a permanent one only where none is sound."""
        taken = any(name == purpose and state in LIVING for (name, _), state in self.states.items())
        legal = not (RULES[purpose].permanent and taken)
        made = self._ask(Change(action=Action.CREATE, purpose=purpose), legal=legal, cut=cut)
        if not made:
            return multiple()
        (key,) = states_of(self.custody.read()).keys() - self.states.keys()
        self.states[key] = KeyState.PRE_ACTIVE
        return key

    @rule(key=keys, to=st.sampled_from(list(MOVES)), primary=st.booleans(), cut=st.integers(0, 14))
    def move(self, key: tuple[str, int], to: KeyState, primary: bool, cut: int) -> None:  # noqa: FBT001 - drawn
        """Ask for any state of any key."""
        purpose, key_id = Purpose(key[0]), key[1]
        before = self.states[key]
        preferring = to is KeyState.ACTIVE and primary and before is KeyState.ACTIVE
        legal = preferring or (before, to) in TRANSITIONS
        if to is KeyState.DEACTIVATED and self.primary[purpose] == key_id:
            legal = False
        change = Change(
            action=MOVES[to],
            purpose=purpose,
            key_id=key_id,
            primary=primary and to is KeyState.ACTIVE,
            text="drill" if to is KeyState.COMPROMISED else "",
        )
        if not self._ask(change, legal=legal, cut=cut):
            return
        self.states[key] = to
        if to is KeyState.ACTIVE:
            if primary or self.primary[purpose] is None:
                self.primary[purpose] = key_id
        elif self.primary[purpose] == key_id:
            self.primary[purpose] = None

    @rule(target=keys, purpose=PURPOSES, cut=st.integers(0, 12))
    def rotate(self, purpose: Purpose, cut: int) -> object:
        """Put a new primary key in the place of the present one."""
        old = self.primary[purpose]
        if not self._ask(
            Change(action=Action.ROTATE, purpose=purpose), legal=RULES[purpose].rotates, cut=cut
        ):
            return multiple()
        (key,) = states_of(self.custody.read()).keys() - self.states.keys()
        self.states[key] = KeyState.ACTIVE
        if old is not None and purpose is not Purpose.LOG_SIGNING:
            self.states[str(purpose), old] = KeyState.DEACTIVATED
        self.primary[purpose] = key[1]
        return key

    @precondition(lambda self: self.seated)
    @rule(purpose=PURPOSES)
    def act_alone(self, purpose: Purpose) -> None:
        """One custodian alone does nothing any more."""
        with pytest.raises(RosterStandsError):
            self.custody.add(purpose)

    @invariant()
    def stands(self) -> None:
        """The keyring on the disk is what the model says, whole, and its history proves itself."""
        ring, _, findings = self.custody.check()
        assert states_of(ring) == self.states
        assert {purpose: ring.keyset(purpose).primary for purpose in Purpose} == self.primary
        assert (ring.counter, ring.events) == (self.counter, self.events)
        assert {finding.code for finding in findings} <= {"no-primary", "kek-renewal"}
        assert all(bool(key.wrapped) == key.state.has_material for _, key in ring)
        keyproof.prove(self.realm, self.custody.history())

    def _ask(self, change: Change, *, legal: bool, cut: int) -> bool:
        """Ask for a change while the disk may fail; say whether it happened."""
        before = self.path.read_bytes()
        agreed = agree(self.custody, change, 0, 2) if self.seated else None
        try:
            with failing(cut):
                if agreed is not None:
                    self.custody.execute(agreed)
                else:
                    self._alone(change)
        except self._refusals(change.action):
            assert not legal
            assert self.path.read_bytes() == before
            return False
        except OSError:
            return self._was_cut_off(before, legal=legal)
        assert legal
        self._happened()
        return True

    @staticmethod
    def _refusals(action: Action) -> tuple[type[CustodianError], ...]:
        """Name what refuses a change: a rotation also the key that is not there."""
        return (TransitionError, KeyNotFoundError) if action is Action.ROTATE else (TransitionError,)

    def _alone(self, change: Change) -> None:
        """Use the one custodian's own function."""
        custody, purpose, key_id = self.custody, change.purpose, change.key_id
        ways: dict[Action, Callable[[], object]] = {
            Action.CREATE: lambda: custody.add(purpose),
            Action.ACTIVATE: lambda: custody.activate(purpose, key_id, primary=change.primary),
            Action.ROTATE: lambda: custody.rotate(purpose),
            Action.DEACTIVATE: lambda: custody.deactivate(purpose, key_id),
            Action.DESTROY: lambda: custody.destroy(purpose, key_id),
            Action.COMPROMISE: lambda: custody.compromise(purpose, key_id, reason=change.text),
        }
        ways[change.action]()

    def _was_cut_off(self, before: bytes, *, legal: bool) -> bool:
        """After a crash the file is the old one to the byte or the whole new one; an illegal step left the old one."""
        now = self.path.read_bytes()
        ringformat.decode(now, self.provider.unlock())
        backup = RingFile(self.path).backup
        if backup.exists():
            with contextlib.suppress(CustodianError):  # under a KEK that is gone
                ringformat.decode(backup.read_bytes(), self.provider.unlock())
        if now == before:
            return False
        assert legal
        self._happened()
        return True

    def _happened(self) -> None:
        """One write more, and at least one line more of history."""
        ring = self.custody.read()
        assert ring.counter == self.counter + 1
        assert ring.events > self.events
        self.counter, self.events = ring.counter, ring.events


FAST = settings(
    max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
LONG = settings(
    max_examples=400, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_states_of_keys() -> None:
    """Whatever is asked for in whatever order, and wherever the disk fails, keys only take legal steps."""
    run_state_machine_as_test(Lifecycle, settings=FAST)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_states_of_keys_at_length() -> None:
    """The same over many more and longer lives."""
    run_state_machine_as_test(Lifecycle, settings=LONG)


def test_every_transition_is_asked_for() -> None:
    """Each pair of states, legal or not, is tried from a fresh keyring, by one custodian and by a ceremony."""
    paths = {
        KeyState.PRE_ACTIVE: (),
        KeyState.ACTIVE: (KeyState.ACTIVE,),
        KeyState.DEACTIVATED: (KeyState.ACTIVE, KeyState.DEACTIVATED),
        KeyState.COMPROMISED: (KeyState.COMPROMISED,),
        KeyState.DESTROYED: (KeyState.DESTROYED,),
    }
    for seated in (False, True):
        machine = Lifecycle()
        # Another primary stands in the way of nothing.
        if seated:
            machine.name_custodians()
        for before, way in paths.items():
            for after in MOVES:
                machine.create(Purpose.REPLAY, 0)
                key = max(machine.states, key=list(machine.states).index)
                for state in way:
                    machine.move(key, state, primary=False, cut=0)
                assert machine.states[key] is before
                machine.move(key, after, primary=False, cut=0)
                reached = after if (before, after) in TRANSITIONS else before
                assert machine.states[key] is reached
                machine.stands()
        machine.teardown()
