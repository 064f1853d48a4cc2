"""How each key stands: its version, age, what is due next, and who may use it. Pure.

A key's version is its position among the keys of its purpose, in the order in which they were made; numbers of keys are
random and say nothing to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys import cryptoperiod
from keys.cryptoperiod import Use
from keys.purpose import Purpose, is_known, parse, purpose_of
from keys.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from keys.keyset import Keyring, RingKey
    from keys.provider import KekProvider

SERVICE: Final = "service"
PROJECTOR: Final = "projector"
LEADER: Final = "leader"
USERS: Final[Mapping[Purpose, tuple[str, ...]]] = MappingProxyType(
    {
        Purpose.INDEX: (SERVICE, PROJECTOR),
        Purpose.ATTRIBUTE: (SERVICE, PROJECTOR),
        Purpose.OUTER_TOKEN: (SERVICE, PROJECTOR),
        Purpose.ROW_SEAL: (SERVICE, PROJECTOR),
        Purpose.BIOMETRIC: (SERVICE, PROJECTOR),
        Purpose.TOKEN_DOMAIN: (SERVICE,),
        Purpose.TOKEN_TAG: (SERVICE,),
        Purpose.TOKEN_INDEX: (SERVICE, PROJECTOR),
        Purpose.MATCH_DOMAIN: (SERVICE, PROJECTOR),
        Purpose.SET: (SERVICE,),
        Purpose.BUDGET: (SERVICE, PROJECTOR),
        Purpose.HANDLE: (SERVICE, PROJECTOR),
        Purpose.TOMBSTONE: (SERVICE, PROJECTOR),
        Purpose.REPLAY: (SERVICE,),
        Purpose.LOG_SIGNING: (LEADER,),
        Purpose.RECEIPT_SIGNING: (SERVICE,),
        Purpose.PROJECTOR_FEED: (PROJECTOR,),
    }
)
"""The processes that use a purpose's keys, unlocked."""

_UNLOCKERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "file": "whoever has the KEK file and its passphrase",
        "quorum": "as many custodians together as its shares take",
        "credential": "root of the host, while systemd lends the KEK",
        "pkcs11": "whoever has the token, its PIN and the KEK file",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a key stands.

    Attributes:
        purpose: what it is for.
        key: as the keyring has it.
        primary: whether it makes new things.
        version: 1 for the first key of its purpose.
        age_days: whole days since it was activated, or made.
        due: when its next use ends; None where nothing does.
        ends: which use that is.
        users: the processes that use it.
    """

    purpose: str
    key: RingKey
    primary: bool
    version: int
    age_days: int
    due: datetime | None
    ends: Use | None
    users: tuple[str, ...]


def standings(ring: Keyring, *, now: datetime) -> tuple[Standing, ...]:
    """List how each key of a keyring stands."""
    return tuple(_standing(ring, purpose, key, now) for purpose, key in ring)


def unlockers(provider: KekProvider) -> str:
    """Say who can unlock every key."""
    known = _UNLOCKERS.get(provider.uri.partition(":")[0])
    return known or ("one person alone" if provider.single_custodian else "several custodians together")


def _standing(ring: Keyring, purpose: str, key: RingKey, now: datetime) -> Standing:
    keyset = ring.keyset(purpose)
    primary = keyset.primary == key.key_id
    outgoing = any(other is key for _, other in cryptoperiod.outgoing(ring))
    due, ends = _due(purpose, key, makes=primary or outgoing)
    return Standing(
        purpose=purpose,
        key=key,
        primary=primary,
        version=keyset.keys.index(key) + 1,
        age_days=max(0, (now - (key.activated or key.created)).days),
        due=due,
        ends=ends,
        users=USERS[purpose_of(purpose)] if is_known(purpose) else (),
    )


def _due(purpose: str, key: RingKey, *, makes: bool) -> tuple[datetime | None, Use | None]:
    if not is_known(purpose) or not key.state.has_material or key.state is KeyState.PRE_ACTIVE:
        return None, None
    uses = [Use.PROTECT, Use.PROCESS] if makes else [Use.PROCESS]
    for use in uses:  # protecting never ends after processing
        due = cryptoperiod.end(parse(purpose), key, use)
        if due is not None:
            return due, use
    return None, None
