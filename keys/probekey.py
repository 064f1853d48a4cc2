"""A probe key: to it capture devices' templates are sealed, for a day at most.

A probe key is made here, in memory that is zeroed at its end, and is never in a keyring nor on a disk. It is told for
23 hours of monotonic time and opens for 24, or until its holder's end, who may lend it to the processes of one host,
whose monotonic clock they share. The primary receipt-signing key signs it once, at its birth (padan/servicekey.py).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from keys.errors import ProbeKeyOverError
from keys.secret import Material, Secret, taken
from padan import sealing, servicekey
from padan.sealing import Recipient
from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.realm import Realm
    from keys.signing import Signing

T = TypeVar("T")

TOLD: Final = 23 * 60 * 60.0
"""Seconds of monotonic time after which another key is told."""
LIFETIME: Final = 24 * 60 * 60.0
"""Seconds of monotonic time after which a key opens nothing."""


@value
class Told:
    """What the outside is told of a probe key.

    Attributes:
        key_id: its thumbprint.
        public_key: X25519, 32 bytes.
        not_after: nothing is sealed to it from then on, seconds of the Unix epoch.
        signer: thumbprint of the receipt-signing key that signed this.
        signature: Ed25519, 64 bytes.
    """

    key_id: str
    public_key: bytes
    not_after: int
    signer: str
    signature: bytes


class ProbeKey(Secret):
    """A probe key as one has it who opens probes.

    Args:
        recipient: the private key; nobody else keeps it.
        told: what the outside is told of it.
        born: monotonic time of birth, seconds.
    """

    __slots__ = ("_recipient", "born", "told")

    def __init__(self, recipient: Recipient, *, told: Told, born: float) -> None:
        self._recipient: Recipient | None = recipient
        self.told = told
        self.born = born

    def is_over(self, now: float) -> bool:
        """Whether it opens nothing any more; `now` is monotonic time, seconds."""
        return self._recipient is None or now - self.born >= LIFETIME

    def is_told(self, now: float) -> bool:
        """Whether it is still the one to be told; `now` is monotonic time, seconds."""
        return self._recipient is not None and now - self.born < TOLD

    def recipient(self) -> Recipient:
        """Give what opens probes, for as long as one is being opened and no longer.

        Raises:
            ProbeKeyOverError: the key was wiped.
        """
        found = self._recipient
        if found is None:
            raise ProbeKeyOverError("the probe key is over; it is gone")
        return found

    def wipe(self) -> None:
        """End the key; the library zeroes its memory with the last use that is under way."""
        self._recipient = None


class SharedProbeKey(Secret):
    """A probe key as its maker holds it, who lends it to the processes of a host; made by `make_probe_key`.

    Attributes:
        material: the private key, 32 bytes; for the key agent's socket and for `lend` alone.
        told: what the outside is told of it.
        born: monotonic time of birth, seconds.
    """

    __slots__ = ("born", "material", "told")

    def __init__(self, material: Material, *, told: Told, born: float) -> None:
        self.material = material
        self.told = told
        self.born = born

    def lend(self) -> ProbeKey:
        """Give the key to one who opens probes."""
        return ProbeKey(Recipient(self.material.view()), told=self.told, born=self.born)

    def is_over(self, now: float) -> bool:
        """Whether it opens nothing any more; `now` is monotonic time, seconds."""
        return now - self.born >= LIFETIME

    def is_told(self, now: float) -> bool:
        """Whether it is still the one to be told; `now` is monotonic time, seconds."""
        return now - self.born < TOLD

    def wipe(self) -> None:
        """Zero the key; who was lent it has its own."""
        self.material.wipe()


class ProbeKeys(Secret):
    """The probe keys of a moment, the one that is told first; the others only open.

    Args:
        keys: at least one.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[ProbeKey]) -> None:
        self._keys = {key.told.key_id: key for key in keys}

    @property
    def current(self) -> ProbeKey:
        """The key that is told."""
        return next(iter(self._keys.values()))

    def find(self, key_id: str, now: float) -> ProbeKey | None:
        """Find a key that opens; None where it is over, or not of these.

        Args:
            key_id: its thumbprint.
            now: monotonic time, seconds.
        """
        found = self._keys.get(key_id)
        return None if found is None or found.is_over(now) else found

    def end(self, now: float) -> None:
        """Wipe the keys that are over; `now` is monotonic time, seconds."""
        for key in self._keys.values():
            if key.is_over(now):
                key.wipe()

    def wipe(self) -> None:
        """Wipe all of them."""
        for key in self._keys.values():
            key.wipe()


class Holder(Secret):
    """Holds the probe keys that a process makes: the one that is told and those before it that still open.

    Safe to use from many threads.
    """

    __slots__ = ("_keys", "_lock")

    def __init__(self) -> None:
        self._keys: list[SharedProbeKey] = []
        self._lock = threading.Lock()

    def use(
        self,
        do: Callable[[Sequence[SharedProbeKey]], T],
        *,
        signer: str,
        now: float,
        wall: float,
        make: Callable[[], SharedProbeKey],
    ) -> T:
        """Do something with the keys as they are to be now, the newest first; none is zeroed meanwhile.

        Another key is made where there is none, where its time to be told is over by either clock, or where its signer
        signs no more. Whoever seals goes by the wall clock, which may be set, and goes on while the host sleeps.

        Args:
            do: what is done.
            signer: thumbprint of the primary receipt-signing key.
            now: monotonic time, seconds.
            wall: the same moment by the wall clock, seconds of the Unix epoch.
            make: makes a key.
        """
        with self._lock:
            self._end(now)
            newest = self._keys[0] if self._keys else None
            lasts = newest is not None and newest.is_told(now) and wall < newest.told.not_after
            if newest is None or not lasts or newest.told.signer != signer:
                self._keys.insert(0, make())
            return do(self._keys)

    def end(self, now: float) -> None:
        """Zero the keys that are over; `now` is monotonic time, seconds."""
        with self._lock:
            self._end(now)

    def wipe(self) -> None:
        """Zero all of them."""
        with self._lock:
            for key in self._keys:
                key.wipe()
            self._keys = []

    def _end(self, now: float) -> None:
        for key in self._keys:
            if key.is_over(now):
                key.wipe()
        self._keys = [key for key in self._keys if not key.is_over(now)]


def make_probe_key(*, realm: Realm, signer: Signing, born: float, wall: float) -> SharedProbeKey:
    """Make a probe key and sign what is told of it.

    Args:
        realm: the registry and environment.
        signer: the primary receipt-signing key.
        born: monotonic time, seconds.
        wall: the same moment by the wall clock, seconds of the Unix epoch.
    """
    drawn = taken(os.urandom(sealing.KEY_SIZE))
    material = Material(drawn)
    drawn[:] = bytes(len(drawn))
    public_key = Recipient(material.view()).public_key
    not_after = int(wall + TOLD)
    stated = servicekey.statement(
        registry_id=realm.registry_id,
        environment=realm.environment,
        purpose=servicekey.PROBE,
        algorithm=sealing.ALGORITHM,
        public_key=public_key,
        not_after=not_after,
    )
    told = Told(
        key_id=sealing.key_id(public_key),
        public_key=public_key,
        not_after=not_after,
        signer=signer.key_id,
        signature=signer.sign(stated),
    )
    return SharedProbeKey(material, told=told, born=born)
