"""An audit period: the key under which log entries name their subjects, for a day at most.

A period's key is made here, in memory that is zeroed at its end, is sealed once to the auditors' key, and is
never in a keyring nor on a disk. It ends after 24 hours of monotonic time or with its holder, who may lend it to
the processes of one host, whose monotonic clock they share. Log entries
name their subject by `HMAC(HMAC(K_period, h), entry nonce)[:16]`, h being the subject's log handle; without
the period's key two entries about one person share nothing.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from keys.envelope import PERIOD_ID_SIZE, PERIOD_KEY_SIZE, seal_period
from keys.errors import AuditorsKeyError, KeyUseError, PeriodOverError
from keys.mac import MacKey, hmac_once
from keys.secret import Material, Secret
from padan import envelope as threshold
from padan import group
from padan.auditors import AuditorsKey
from padan.group import GroupError, GroupUnavailableError

if TYPE_CHECKING:
    from keys.realm import Realm

LIFETIME: Final = 24 * 60 * 60.0
"""Seconds of monotonic time."""
REFERENCE_SIZE: Final = 16
HANDLE_SIZE: Final = 16
NONCE_SIZE: Final = 16


def require_usable(auditors_key: bytes | AuditorsKey, realm: Realm) -> None:
    """See that periods of a realm may be sealed to a key: outside development to its auditors' threshold key alone.

    Raises:
        AuditorsKeyError: they may not.
    """
    if not isinstance(auditors_key, AuditorsKey):
        if not realm.is_development:
            raise AuditorsKeyError(
                "envelopes to a single auditors' key (format 1) are for development only: the auditors make a "
                "threshold key with padan-audit keys"
            )
        return
    made_for = auditors_key.place
    if (made_for.registry_id, made_for.environment) != (realm.registry_id, realm.environment):
        raise AuditorsKeyError(
            f"the auditors' key is made for {made_for.registry_id} in {made_for.environment}, not for this registry"
        )


def reference(period_key: MacKey, handle: bytes, nonce: bytes) -> bytes:
    """Compute how an entry names its subject: `HMAC(HMAC(K_period, h), nonce)[:16]`.

    Args:
        period_key: the period's key.
        handle: the subject's log handle, 16 bytes.
        nonce: the entry's nonce, 16 bytes.

    Raises:
        KeyUseError: a size is wrong, or the key was wiped.
    """
    if len(handle) != HANDLE_SIZE or len(nonce) != NONCE_SIZE:
        raise KeyUseError("a log handle and an entry's nonce have 16 bytes each")
    return hmac_once(period_key.mac(handle), nonce)[:REFERENCE_SIZE]


class Period(Secret):
    """One audit period; made by `open_period`.

    Args:
        period_id: 16 random bytes.
        key: the period's key.
        envelope: the key sealed to the auditors; committed to the log before the period's first use.
        born: monotonic time of birth, seconds.
        logged: the envelope is in the log already.
    """

    __slots__ = ("_key", "_wiped", "born", "envelope", "id", "logged")

    def __init__(
        self, *, period_id: bytes, key: MacKey, envelope: bytes, born: float, logged: bool = False
    ) -> None:
        self.id = period_id
        self.envelope = envelope
        self.born = born
        self.logged = logged
        self._key = key
        self._wiped = False

    def expired(self, now: float) -> bool:
        """Whether the period has ended.

        Args:
            now: monotonic time, seconds.
        """
        return self._wiped or now - self.born >= LIFETIME

    def reference(self, handle: bytes, nonce: bytes) -> bytes:
        """Compute how an entry of this period names its subject, 16 bytes.

        Raises:
            PeriodOverError: the period was wiped.
            KeyUseError: a size is wrong.
        """
        if self._wiped:
            raise PeriodOverError("the audit period is over; its key is gone")
        return reference(self._key, handle, nonce)

    def wipe(self) -> None:
        """End the period and zero its key."""
        self._wiped = True
        self._key.wipe()


class SharedPeriod(Secret):
    """A period as its maker holds it, who lends it to the processes of a host; made by `make_period`.

    Attributes:
        id: 16 random bytes.
        material: the period's key, 32 bytes; for the key agent's socket and for `lend` alone.
        envelope: the key sealed to the auditors.
        born: monotonic time of birth, seconds.
        logged: somebody has committed the envelope to the log.
    """

    __slots__ = ("born", "envelope", "id", "logged", "material")

    def __init__(self, *, period_id: bytes, material: Material, envelope: bytes, born: float) -> None:
        self.id = period_id
        self.material = material
        self.envelope = envelope
        self.born = born
        self.logged = False

    def lend(self) -> Period:
        """Give the period to one who uses it."""
        return Period(
            period_id=self.id,
            key=MacKey(self.material.view()),
            envelope=self.envelope,
            born=self.born,
            logged=self.logged,
        )

    def expired(self, now: float) -> bool:
        """Whether the period has ended.

        Args:
            now: monotonic time, seconds.
        """
        return now - self.born >= LIFETIME

    def wipe(self) -> None:
        """Zero the key; who was lent the period has its own."""
        self.material.wipe()


def make_period(*, realm: Realm, auditors_key: bytes | AuditorsKey, born: float) -> SharedPeriod:
    """Make a period, its key and its envelope.

    Args:
        realm: the registry and environment.
        auditors_key: the auditors' threshold key, or the X25519 public key of development auditors, 32 bytes.
        born: monotonic time, seconds.

    Raises:
        KeyUseError: the auditors' key is not usable.
        AuditorsKeyError: the system cannot compute with the threshold key.
    """
    period_id = secrets.token_bytes(PERIOD_ID_SIZE)
    try:
        drawn = group.random_bytes(PERIOD_KEY_SIZE)
        material = Material(drawn)
        group.wipe(drawn)
        if isinstance(auditors_key, AuditorsKey):
            envelope = threshold.seal(material.view(), period_id=period_id, key=auditors_key)
        else:
            envelope = seal_period(
                material.view(), period_id=period_id, realm=realm, auditors_key=auditors_key
            )
    except GroupUnavailableError as error:
        raise AuditorsKeyError(f"{error}; {error.next_step}") from error
    except GroupError as error:
        raise KeyUseError("the auditors' key is not usable") from error
    return SharedPeriod(period_id=period_id, material=material, envelope=envelope, born=born)


def open_period(*, realm: Realm, auditors_key: bytes | AuditorsKey, born: float) -> Period:
    """Make a period for this process alone; arguments and errors as `make_period`."""
    made = make_period(realm=realm, auditors_key=auditors_key, born=born)
    lent = made.lend()
    made.wipe()
    return lent
