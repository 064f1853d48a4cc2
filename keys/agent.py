"""The key agent: unlocked keys, handed out as objects that compute and never as bytes.

Guarantees: a key does what its purpose says and nothing else; new things are made only by active keys within
their cryptoperiod, old things are read until the second end of it. `LocalKeyAgent` holds the keys in the
process of its user; another implementation may hold them behind a socket.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from keys import cryptoperiod, period, probekey
from keys.block import BlockKey
from keys.clock import utc_now
from keys.cryptoperiod import Alarm, Use
from keys.derive import hkdf, replay_info
from keys.errors import AuditorsKeyError, KeyDestroyedError, KeyNotFoundError, KeyStateError, KeyUseError
from keys.mac import MacKey
from keys.meter import Act, Uncounted
from keys.outer import EpochKeys, OuterKeys
from keys.probekey import ProbeKeys, make_probe_key
from keys.provider import ask
from keys.purpose import RULES, Algorithm, Purpose
from keys.reading import Reading, ask_nobody
from keys.seal import RingSeal, SealKey
from keys.secret import Secret
from keys.signing import Signer, thumbprint
from keys.templatekey import TemplateKeys
from keys.tokenkeys import Held, TokenKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from keys.kek import Kek
    from keys.keyset import Keyring, PublicKey, RingKey
    from keys.meter import Meters
    from keys.period import Period, SharedPeriod
    from keys.probekey import SharedProbeKey
    from keys.provider import KekProvider, Prompt
    from keys.purpose import KeysetName
    from keys.realm import Realm
    from keys.secret import Material
    from padan.auditors import AuditorsKey

T = TypeVar("T")


class LocalKeyAgent(Secret):
    """A key agent in the process of its user; made by `unlock`.

    Args:
        ring: the keyring.
        materials: its keys in the clear, by key id; owned and wiped by the agent.
        auditors_key: the auditors' threshold key, or the X25519 public key of development auditors, 32 bytes.
        now: wall clock, UTC.
        monotonic: monotonic clock, seconds.
    """

    def __init__(
        self,
        *,
        ring: Keyring,
        materials: dict[int, Material],
        auditors_key: bytes | AuditorsKey | None = None,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = ring
        self._materials = materials
        self._auditors_key = auditors_key
        self._now = now
        self._monotonic = monotonic
        self.meters: Meters | Uncounted = Uncounted()  # set before objects are handed out
        self._macs: dict[int, MacKey] = {}
        self._reading: Reading | None = None
        self._refreshing = threading.Lock()
        self._probes = probekey.Holder()

    @classmethod
    def unlock(
        cls,
        ring_path: Path,
        kek: str | KekProvider | Kek,
        *,
        auditors_key: bytes | AuditorsKey | None = None,
        prompt: Prompt = ask,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> LocalKeyAgent:
        """Read a keyring and unwrap its keys.

        Args:
            ring_path: the keyring file.
            kek: URI of the KEK's provider, or the provider, or the KEK itself, which is wiped.
            auditors_key: as in the constructor; without it no period opens.
            prompt: asks a person for a passphrase where the URI names no source.
            now: wall clock, UTC.
            monotonic: monotonic clock, seconds.

        Raises:
            CustodianError: the keyring or its KEK cannot be used; the subclass says why.
        """
        reading = Reading(ring_path, kek)
        ring, materials = reading.read(prompt)
        made = cls(ring=ring, materials=materials, auditors_key=auditors_key, now=now, monotonic=monotonic)
        made._reading = reading
        return made

    def refresh(self) -> bool:
        """Take up a keyring that was changed since; says whether there is another one.

        Raises:
            PassphraseError: the KEK's provider would have to ask a person.
            CustodianError: the changed keyring or its KEK cannot be used; what the agent holds stays.
        """
        with self._refreshing:
            if self._reading is None or not self._reading.is_changed:
                return False
            self._take(*self._reading.read(ask_nobody))
            return True

    def take_up(self, other: LocalKeyAgent) -> None:
        """Take up what another agent has unlocked; it keeps nothing."""
        with self._refreshing:
            self._take(other._ring, other._materials)
            self._reading, other._materials = other._reading, {}

    def _take(self, ring: Keyring, materials: dict[int, Material]) -> None:
        """Put another keyring in the place of this one's, while other threads work with it.

        A key that stays is the same object as before. One that does not is zeroed; what was handed out of it lives
        until it is freed, so a destroyed key is gone for certain only when its process has ended.
        """
        before = self._materials
        for key_id in materials.keys() & before.keys():
            materials[key_id].wipe()
        self._materials = {key_id: before.get(key_id, new) for key_id, new in materials.items()}
        self._ring = ring
        for key_id in before.keys() - materials.keys():
            mac = self._macs.pop(key_id, None)
            if mac is not None:
                mac.wipe()
            before[key_id].wipe()

    @property
    def realm(self) -> Realm:
        """The keys' realm."""
        return self._ring.realm

    @property
    def keyring_counter(self) -> int:
        """Counter of the keyring that was unlocked."""
        return self._ring.counter

    @property
    def keyring(self) -> Keyring:
        """The keyring, wrapped."""
        return self._ring

    def key_id(self, purpose: Purpose) -> int:
        """Give the id of the key that makes new things."""
        return self._primary(purpose).key_id

    def mac(self, purpose: Purpose, key_id: int | None = None) -> MacKey:
        """Give a MAC key: the primary one, or one by id for what exists under it."""
        key = self._key(purpose, key_id, Algorithm.HMAC_SHA256)
        found = self._macs.get(key.key_id)
        if found is None:
            tick = self.meters.tick(purpose, key.key_id, Act.MAC)
            found = MacKey(self._material(purpose, key), key_id=key.key_id, tick=tick)
            self._macs[key.key_id] = found
        return found

    def block(self, purpose: Purpose, key_id: int, info: bytes) -> BlockKey:
        """Derive an outer token key."""
        key = self._derivable(purpose, key_id, Purpose.OUTER_TOKEN)
        tick = self.meters.tick(purpose, key.key_id, Act.TOKEN)
        return BlockKey(hkdf(self._material(purpose, key), info), key_id=key.key_id, tick=tick)

    def seal_key(self, purpose: Purpose, key_id: int, info: bytes, *, sealed: int = 0) -> SealKey:
        """Derive a row seal key; only an active key's seals."""
        key = self._derivable(purpose, key_id, Purpose.ROW_SEAL)
        return self._seal_key(purpose, key, info, sealed=sealed)

    def outer(self, epoch: EpochKeys, *, sealed: int = 0) -> OuterKeys:
        """Derive both keys of a vault table's outer layer."""
        token, row = Purpose.OUTER_TOKEN, Purpose.ROW_SEAL
        return OuterKeys(
            token=self.block(token, epoch.outer_token, epoch.info(self.realm, token)),
            row=self.seal_key(row, epoch.row_seal, epoch.info(self.realm, row), sealed=sealed),
        )

    def replay_seal(self, day: int, *, sealed: int = 0) -> RingSeal:
        """Derive a day's replay keys: the primary one seals, every living one opens."""
        primary = self._primary(Purpose.REPLAY)
        info = replay_info(self.realm, day=day)
        readers = {
            key.key_id: self._seal_key(Purpose.REPLAY, key, info, sealed=sealed if key is primary else 0)
            for key in self._ring.keyset(Purpose.REPLAY).keys
            if key.key_id in self._materials
        }
        return RingSeal(primary=readers[primary.key_id], readers=readers)

    def tokens(self) -> TokenKeys:
        """Give the keys behind agencies' tokens, as they are now."""
        return TokenKeys(self.realm, self._held, self.meters)

    def templates(self, key_id: int | None = None) -> TemplateKeys:
        """Give what derives the keys of enrolments: of the primary key, or of one by id for references of it."""
        key = self._key(Purpose.BIOMETRIC, key_id, Algorithm.HKDF_SHA256)
        tick = self.meters.tick(Purpose.BIOMETRIC, key.key_id, Act.TEMPLATE)
        material = self._material(Purpose.BIOMETRIC, key)
        return TemplateKeys(self.realm, material, key_id=key.key_id, tick=tick)

    def signer(self, purpose: Purpose) -> Signer:
        """Give the primary signing key."""
        return self._signer(purpose, self._key(purpose, None, Algorithm.ED25519))

    def signers(self, purpose: Purpose) -> list[Signer]:
        """Give the primary signing key, and after it every other active one whose time to sign is not up."""
        keyset = self._ring.keyset(purpose)
        others = [
            self._signer(purpose, key)
            for key in keyset.keys
            if key.key_id != keyset.primary and cryptoperiod.may_protect(purpose, key, now=self._now())
        ]
        return [self.signer(purpose), *others]

    def public_keys(self) -> tuple[PublicKey, ...]:
        """List all public keys of the keyring, also of keys that are no more."""
        return self._ring.public_keys()

    def open_period(self) -> Period:
        """Open a new audit period for this process."""
        made = self.make_period()
        lent = made.lend()
        made.wipe()
        return lent

    def next_period(self, current: Period | None) -> Period:
        """Give the current period, or where it has ended a new one."""
        if current is not None and not current.expired(self._monotonic()):
            return current
        return self.open_period()

    def announcing(self, period: Period) -> AbstractContextManager[None]:
        """Need to know nothing: the period is this process's own."""
        del period
        return contextlib.nullcontext()

    def make_period(self) -> SharedPeriod:
        """Make an audit period to be lent; outside development an envelope to one key is refused.

        Raises:
            AuditorsKeyError: there is no auditors' key, or none that this environment may use.
        """
        if self._auditors_key is None:
            raise AuditorsKeyError("no auditors' key is configured, so no audit period can be opened")
        period.require_usable(self._auditors_key, self.realm)
        return period.make_period(realm=self.realm, auditors_key=self._auditors_key, born=self._monotonic())

    def next_probes(self, current: ProbeKeys | None) -> ProbeKeys:
        """Give the probe keys to use now, which this process makes."""

        def lend(keys: Sequence[SharedProbeKey]) -> ProbeKeys:
            if current is not None and current.current.told.key_id == keys[0].told.key_id:
                return current
            return ProbeKeys([key.lend() for key in keys])

        return self.use_probes(lend)

    def use_probes(self, do: Callable[[Sequence[SharedProbeKey]], T]) -> T:
        """Do something with the keys themselves, the newest first; for `next_probes` and the key agent's socket alone.

        The signature of a new one is not counted: it is about no question, and has no entry.

        Raises:
            KeyNotFoundError: there is no primary receipt-signing key, which signs a probe key.
            KeyExpiredError: its time to sign is over.
        """
        purpose = Purpose.RECEIPT_SIGNING
        key, now, wall = self._primary(purpose), self._monotonic(), self._now().timestamp()

        def make() -> SharedProbeKey:
            signer = Signer(self._material(purpose, key))
            return make_probe_key(realm=self.realm, signer=signer, born=now, wall=wall)

        return self._probes.use(do, signer=thumbprint(key.public), now=now, wall=wall, make=make)

    def end_probes(self) -> None:
        """Zero the probe keys that are over."""
        self._probes.end(self._monotonic())

    def wipe_probes(self) -> None:
        """Zero all probe keys that this process made; who was lent them has its own."""
        self._probes.wipe()

    def alarms(self) -> tuple[Alarm, ...]:
        """List the keys whose time is up, or will be within 30 days."""
        return cryptoperiod.alarms(self._ring, now=self._now())

    def materials(self) -> dict[int, Material]:
        """Give the keys themselves, for the key agent's socket alone."""
        return self._materials

    def close(self) -> None:
        """Zero the keys that the agent holds; objects that it handed out live until they are freed."""
        self.wipe_probes()
        for held in (self._materials, self._macs):
            for each in held.values():
                each.wipe()
            held.clear()

    def _held(self, name: KeysetName) -> list[Held]:
        """Give a keyset's primary key, and after it every other one that may read what it made, the newest first.

        The primary key is given also when its time to make new things is over, since it goes on reading.
        """
        primary, now = self._ring.primary(name), self._now()
        cryptoperiod.check(name, primary, Use.PROCESS, now=now)
        found = [
            Held(
                key,
                self._material(name, key),
                place,
                makes=cryptoperiod.may_protect(name, key, now=now),
                ends=cryptoperiod.next_end(name, key, now=now),
            )
            for place, key in enumerate(self._ring.keyset(name).keys)
            if cryptoperiod.may_process(name, key, now=now)
        ]
        return sorted(found, key=lambda held: (held.key is primary, held.place), reverse=True)

    def _primary(self, purpose: KeysetName) -> RingKey:
        key = self._ring.primary(purpose)
        cryptoperiod.check(purpose, key, Use.PROTECT, now=self._now())
        return key

    def _key(self, purpose: Purpose, key_id: int | None, algorithm: Algorithm) -> RingKey:
        if RULES[purpose].algorithm is not algorithm:
            raise KeyUseError(f"{purpose} keys are not used with {algorithm}")
        if key_id is None:
            return self._primary(purpose)
        key = self._ring.key(purpose, key_id)
        if not key.state.may_process:
            kind = KeyStateError if key.state.has_material else KeyDestroyedError
            raise kind(f"the {purpose} key {key_id} is {key.state} and does nothing")
        cryptoperiod.check(purpose, key, Use.PROCESS, now=self._now())
        return key

    def _derivable(self, purpose: Purpose, key_id: int, allowed: Purpose) -> RingKey:
        if purpose is not allowed:
            raise KeyUseError(f"a {purpose} key is not what {allowed} keys are derived from")
        return self._key(purpose, key_id, Algorithm.HKDF_SHA256)

    def _seal_key(self, purpose: Purpose, key: RingKey, info: bytes, *, sealed: int) -> SealKey:
        return SealKey(
            hkdf(self._material(purpose, key), info),
            key_id=key.key_id,
            sealed=sealed,
            may_seal=cryptoperiod.may_protect(purpose, key, now=self._now()),
            on_seal=self.meters.tick(purpose, key.key_id, Act.SEAL),
            on_open=self.meters.tick(purpose, key.key_id, Act.OPEN),
        )

    def _signer(self, purpose: Purpose, key: RingKey) -> Signer:
        tick = self.meters.tick(purpose, key.key_id, Act.SIGN)
        return Signer(self._material(purpose, key), ring_id=key.key_id, tick=tick)

    def _material(self, purpose: KeysetName, key: RingKey) -> bytearray:
        material = self._materials.get(key.key_id)
        if material is None:
            raise KeyNotFoundError(f"the agent does not hold the {purpose} key {key.key_id}, or no longer")
        return material.view()
