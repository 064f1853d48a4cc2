"""What custodians do with a keyring: make it, move its keys through their states, check it.

Every change is one function of the same four steps: 1 lock, read and check the keyring and its history 2
compute the new keyring 3 write the history's lines, durably 4 write the keyring, durably. A crash before 4
leaves the old keyring, and the lines of a change that did not happen are overwritten by the next one.
Destroying a key also renews the KEK: the survivors are wrapped anew and the old KEK goes, so that an old copy
of the keyring gives nothing back to whoever has the new KEK.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys import cryptoperiod, events, ringformat
from keys.errors import KeyNotFoundError, KeyringIntegrityError, TransitionError
from keys.events import Event
from keys.keyset import Keyring, RingKey
from keys.purpose import RULES, TYPE_URLS, Algorithm, Purpose
from keys.ringfile import RingFile
from keys.signing import public_of
from keys.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from keys.cryptoperiod import Alarm
    from keys.kek import Kek
    from keys.provider import KekProvider
    from keys.realm import Realm

_STATE_EVENTS: Final = MappingProxyType(
    {
        KeyState.ACTIVE: "key-activated",
        KeyState.DEACTIVATED: "key-deactivated",
        KeyState.COMPROMISED: "key-compromised",
        KeyState.DESTROYED: "key-destroyed",
    }
)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that `check` found: a code for machines and a sentence for people."""

    code: str
    text: str


class _Session:
    """One change under the lock: the keyring as it is, its KEK, and what is said about the change."""

    def __init__(self, *, ring: Keyring, kek: Kek, at: datetime) -> None:
        self.ring = ring
        self.kek = kek
        self.at = at
        self.said: list[tuple[str, dict[str, str]]] = []

    def say(self, name: str, **details: str) -> None:
        self.said.append((name, details))

    def make(self, purpose: Purpose) -> int:
        """Add a new pre-active key; return its id."""
        rules = RULES[purpose]
        key_id = self._free_id()
        material = bytearray(secrets.token_bytes(rules.size))
        key = RingKey(
            key_id=key_id,
            state=KeyState.PRE_ACTIVE,
            algorithm=str(rules.algorithm),
            type_url=TYPE_URLS[rules.algorithm],
            wrapped=self.kek.wrap(material, realm=self.ring.realm, purpose=purpose, key_id=key_id),
            public=public_of(material) if rules.algorithm is Algorithm.ED25519 else b"",
            created=self.at,
        )
        material[:] = bytes(len(material))
        self.ring = self.ring.add(purpose, key)
        self.say("key-created", purpose=str(purpose), key_id=str(key_id))
        return key_id

    def move(self, purpose: Purpose, key_id: int, state: KeyState, **details: str) -> None:
        """Move a key to a state."""
        self.ring = self.ring.transition(purpose, key_id, state, at=self.at)
        self.say(_STATE_EVENTS[state], purpose=str(purpose), key_id=str(key_id), **details)

    def prefer(self, purpose: Purpose, key_id: int) -> None:
        """Make a key primary."""
        self.ring = self.ring.make_primary(purpose, key_id)
        self.say("key-primary", purpose=str(purpose), key_id=str(key_id))

    def _free_id(self) -> int:
        taken = {key.key_id for _, key in self.ring}
        while (key_id := secrets.randbits(32)) == 0 or key_id in taken:
            pass
        return key_id


class Custody:
    """A keyring file and the provider of its KEK.

    Args:
        path: the keyring.
        provider: who holds the KEK.
        actor: the account that acts, for the history.
        now: wall clock, UTC.
    """

    def __init__(
        self, *, path: Path, provider: KekProvider, actor: str, now: Callable[[], datetime] = _now
    ) -> None:
        self._file = RingFile(path)
        self._provider = provider
        self._actor = actor
        self._now = now
        self.events_path = events.path_beside(path)

    def create(self, realm: Realm) -> Keyring:
        """Make a keyring with an active primary key for every initial purpose.

        Whether one custodian may do this outside development is asked before; here it is recorded.

        Raises:
            KeyringExistsError: a keyring, a history or a KEK is there already.
        """
        with self._file.lock():
            self._file.refuse_existing()
            RingFile(self.events_path).refuse_existing()
            kek = self._provider.create()
            session = _Session(
                ring=Keyring(realm=realm, counter=0, kek_id=kek.id), kek=kek, at=self._moment()
            )
            session.say(
                "keyring-created",
                registry=realm.registry_id,
                environment=realm.environment,
                provider=self._provider.uri.partition(":")[0],
            )
            if self._provider.single_custodian:
                session.say("single-custodian", environment=realm.environment)
            for purpose in (purpose for purpose in Purpose if RULES[purpose].initial):
                key_id = session.make(purpose)
                session.move(purpose, key_id, KeyState.ACTIVE)
                session.prefer(purpose, key_id)
            return self._write(session)

    def read(self) -> Keyring:
        """Read and check the keyring, and its history with it.

        Raises:
            CustodianError: the keyring, its KEK or its history cannot be used; the subclass says why.
        """
        ring, _, _ = self._read()
        events.read(self.events_path, ring)
        return ring

    def history(self) -> tuple[Event, ...]:
        """Read and check the history.

        Raises:
            CustodianError: as `read`.
        """
        ring, _, _ = self._read()
        return events.read(self.events_path, ring)

    def add(self, purpose: Purpose) -> tuple[Keyring, int]:
        """Make a new pre-active key; return the keyring and the key's id."""
        with self._change() as session:
            key_id = session.make(purpose)
        return session.ring, key_id

    def activate(self, purpose: Purpose, key_id: int, *, primary: bool = False) -> Keyring:
        """Activate a key; the first active one of its purpose, or one that is asked to, becomes primary.

        Raises:
            TransitionError: not a legal step.
        """
        with self._change() as session:
            if session.ring.key(purpose, key_id).state is not KeyState.ACTIVE or not primary:
                session.move(purpose, key_id, KeyState.ACTIVE)
            if primary or session.ring.keyset(purpose).primary is None:
                session.prefer(purpose, key_id)
        return session.ring

    def deactivate(self, purpose: Purpose, key_id: int) -> Keyring:
        """Let a key make nothing new.

        Raises:
            TransitionError: not a legal step, or the key is primary.
        """
        with self._change() as session:
            session.move(purpose, key_id, KeyState.DEACTIVATED)
        return session.ring

    def compromise(self, purpose: Purpose, key_id: int, *, reason: str) -> Keyring:
        """Declare a key compromised; a primary key stops being primary.

        Raises:
            TransitionError: not a legal step.
        """
        with self._change() as session:
            session.move(purpose, key_id, KeyState.COMPROMISED, reason=reason)
        return session.ring

    def rotate(self, purpose: Purpose) -> tuple[Keyring, int]:
        """Put a new primary key in the place of the present one; what the old one made stays readable.

        Raises:
            TransitionError: keys of this purpose are not replaced by themselves.
        """
        if not RULES[purpose].rotates:
            raise TransitionError(f"the {purpose} key belongs to data that must be moved to a new key first")
        with self._change() as session:
            old = session.ring.keyset(purpose).primary
            key_id = session.make(purpose)
            session.move(purpose, key_id, KeyState.ACTIVE)
            session.prefer(purpose, key_id)
            if old is not None:
                session.move(purpose, old, KeyState.DEACTIVATED)
        return session.ring, key_id

    def destroy(self, purpose: Purpose, key_id: int) -> Keyring:
        """Destroy a key and renew the KEK, so that no copy of the keyring gives the key back.

        Raises:
            TransitionError: not a legal step.
        """
        with self._change() as session:
            session.move(purpose, key_id, KeyState.DESTROYED)
            self._renew(session)
        return session.ring

    def succeed(self, purposes: Sequence[Purpose]) -> Keyring:
        """Make a new primary key for each of some purposes, beside the present one, which stays active.

        For keys of an epoch, which is moved to the new ones while it is answered from under the old ones.
        """
        with self._change() as session:
            for purpose in purposes:
                key_id = session.make(purpose)
                session.move(purpose, key_id, KeyState.ACTIVE)
                session.prefer(purpose, key_id)
        return session.ring

    def retire(self, keys: Sequence[tuple[Purpose, int]]) -> Keyring:
        """Destroy keys that may be active still, all in one step, and renew the KEK; one that is destroyed stays so.

        Raises:
            TransitionError: one of them is primary.
        """
        with self._change() as session:
            for purpose, key_id in keys:
                state = session.ring.key(purpose, key_id).state
                if state is KeyState.ACTIVE:
                    session.move(purpose, key_id, KeyState.DEACTIVATED)
                if state is not KeyState.DESTROYED:
                    session.move(purpose, key_id, KeyState.DESTROYED)
            if session.said:
                self._renew(session)
        return session.ring

    def export(self, purpose: Purpose, key_id: int, *, recipient: str) -> tuple[Keyring, Kek]:
        """Record that a key is about to be exported, durably, and give what `keys.export` needs.

        Raises:
            KeyNotFoundError: no such key, or its material is gone.
        """
        with self._change() as session:
            if not session.ring.key(purpose, key_id).state.has_material:
                raise KeyNotFoundError(f"the {purpose} key {key_id} is destroyed")
            session.say("key-exported", purpose=str(purpose), key_id=str(key_id), to=recipient)
        return session.ring, session.kek

    def check(self) -> tuple[Keyring, tuple[Alarm, ...], tuple[Finding, ...]]:
        """Check everything that can be checked: the keyring, each key, the history, the backup, the cryptoperiods.

        Raises:
            CustodianError: the keyring, a key, the KEK or the history is not what it must be.
        """
        ring, kek, keks = self._read()
        for purpose, key in ring:
            if key.wrapped:
                material = kek.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id)
                if key.public and public_of(material.view()) != key.public:
                    raise KeyringIntegrityError(
                        f"the public {purpose} key {key.key_id} is not the private one's"
                    )
                material.wipe()
        events.read(self.events_path, ring)
        findings = list(self._loose_ends(keks))
        findings += [
            Finding(code="no-primary", text=f"there is no primary {purpose} key")
            for purpose in Purpose
            if RULES[purpose].initial and ring.keyset(purpose).primary is None
        ]
        return ring, cryptoperiod.alarms(ring, now=self._now()), tuple(findings)

    def _loose_ends(self, keks: tuple[Kek, ...]) -> Iterator[Finding]:
        if len(keks) > 1:
            yield Finding(
                code="kek-renewal", text="a renewal of the KEK was cut off; the next change completes it"
            )
        for path in (self._file.path, self.events_path):
            if path.stat().st_mode & 0o077:
                yield Finding(code="file-mode", text=f"others may open {path}; run: chmod 600 {path}")

    def _renew(self, session: _Session) -> None:
        old, new, ring = session.kek, self._provider.renew(), session.ring
        wrapped: dict[int, bytes] = {}
        for purpose, key in ring:
            if key.wrapped:
                material = old.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id)
                wrapped[key.key_id] = new.wrap(
                    material.view(), realm=ring.realm, purpose=purpose, key_id=key.key_id
                )
                material.wipe()
        session.ring = ring.rewrapped(new.id, wrapped)
        session.kek = new
        session.say("kek-renewed", kek=new.id)

    def _read(self) -> tuple[Keyring, Kek, tuple[Kek, ...]]:
        data = self._file.read()
        keks = self._provider.unlock()
        ring, kek = ringformat.decode(data, keks)
        return ring, kek, keks

    @contextlib.contextmanager
    def _change(self) -> Iterator[_Session]:
        with self._file.lock():
            ring, kek, keks = self._read()  # 1
            events.read(self.events_path, ring)
            if len(keks) > 1:
                self._settle(kek)  # a renewal was cut off; the keyring says which KEK it ended up under
            session = _Session(ring=ring, kek=kek, at=self._moment())
            yield session  # 2
            session.ring = self._write(session)
            if session.kek is not kek:
                self._settle(session.kek)

    def _settle(self, kek: Kek) -> None:
        """Keep one KEK alone; the backup goes first, since nothing will open it afterwards."""
        self._file.forget()
        self._provider.retire(kek.id)

    def _write(self, session: _Session) -> Keyring:
        ring = session.ring
        lines = [
            Event(
                number=ring.events + position,
                counter=ring.counter + 1,
                at=session.at,
                name=name,
                actor=self._actor,
                details=details,
            )
            for position, (name, details) in enumerate(session.said, start=1)
        ]
        head = events.append(self.events_path, ring, lines)  # 3
        written = ring.written(events=ring.events + len(lines), events_head=head)
        self._file.write(ringformat.encode(written, session.kek))  # 4
        return written

    def _moment(self) -> datetime:
        return self._now().astimezone(UTC).replace(microsecond=0)
