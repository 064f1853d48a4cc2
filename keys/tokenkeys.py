"""The keys behind agencies' tokens, and those of the tables beside the vault, as an agent gives them out.

Each keyset has one key that makes new things and others that still read; so tables are moved to new keys row by row
while they are used. Objects made here live until they are freed; whoever follows a changed keyring makes them anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from keys.derive import hkdf, outer_info
from keys.mac import MacKey
from keys.meter import Act
from keys.purpose import Purpose, TokenDomain
from keys.seal import RingSeal, SealKey
from keys.secret import Secret
from keys.state import KeyState
from keys.tokenkey import TokenKey
from padan.canonical import prefixed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from keys.keyset import RingKey
    from keys.meter import Meters, Uncounted
    from keys.purpose import KeysetName
    from keys.realm import Realm

    Holding = Callable[[KeysetName], list["Held"]]

BESIDE: Final = 0
"""The epoch of tables that are of none: they stand beside the vault."""


class Held(NamedTuple):
    """A key that an agent holds.

    Attributes:
        key: what the keyring says of it.
        material: the key itself.
        place: its place in its keyset, from 0.
        makes: whether it makes new things now, by its state and its cryptoperiod.
        ends: when the next part of its cryptoperiod ends, and with it what it does; None is never.
    """

    key: RingKey
    material: bytearray
    place: int
    makes: bool = True
    ends: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a token domain.

    Args:
        number: from 1, in the order in which the domain's keys were made.
        key: issues it, or once did.
        replaced: when another version took its place; None for the one that issues.
        issues: whether tokens of it are made now; not so once the time of its key to make new things is over.
    """

    number: int
    key: TokenKey
    replaced: datetime | None
    issues: bool = True


class TokenKeys(Secret):
    """Keys of token domains, of their tags, and of what the service keeps for tokens.

    What was given out is right until `until`, which comes with the end of the first key's time to make or to read:
    whoever keeps it longer takes it anew then. Of a key whose time to make is over the reading goes on.

    Args:
        realm: registry and environment.
        holding: gives a keyset's primary key and after it those that read, with their material.
        meters: count.
    """

    __slots__ = ("_given", "_meters", "_realm", "until")

    def __init__(self, realm: Realm, holding: Holding, meters: Meters | Uncounted) -> None:
        self._realm = realm
        self._given = holding
        self._meters = meters
        self.until = math.inf
        """Second of the Unix epoch until which everything that was given out is right."""

    def _holding(self, name: KeysetName) -> list[Held]:
        found = self._given(name)
        ends = [held.ends.timestamp() for held in found if held.ends is not None]
        self.until = min([self.until, *ends])
        return found

    def makes(self, *purposes: Purpose) -> bool:
        """Say whether the primary key of each of some purposes makes new things now."""
        return all(self._holding(purpose)[0].makes for purpose in purposes)

    def domain(self, name: str) -> tuple[Version, ...]:
        """Give the versions of a token domain that are not over, the one that issues first.

        Raises:
            ValueError: no name of a domain.
            KeyNotFoundError: the domain has no key that issues.
            KeysetEndedError: the domain was ended.
            KeyExpiredError: the cryptoperiod of that key is over, also to read.
        """
        info = self._realm.label("token-domain") + prefixed(name)
        return tuple(
            Version(
                number=place + 1,
                key=self._token_key(Purpose.TOKEN_DOMAIN, key, material, info),
                replaced=key.deactivated if key.state is not KeyState.ACTIVE else None,
                issues=makes,
            )
            for key, material, place, makes, _ in self._holding(TokenDomain(name))
        )

    def match(self) -> tuple[TokenKey, ...]:
        """Give the keys of the match domain, in which the service compares tokens, the primary one first.

        Raises:
            KeyNotFoundError: there is none.
        """
        info = self._realm.label("match-domain")
        return tuple(
            self._token_key(Purpose.MATCH_DOMAIN, key, material, info)
            for key, material, *_ in self._holding(Purpose.MATCH_DOMAIN)
        )

    def macs(self, purpose: Purpose) -> tuple[MacKey, ...]:
        """Give the MAC keys of a purpose, the primary one first.

        Raises:
            KeyNotFoundError: there is none.
        """
        return tuple(
            MacKey(material, key_id=key.key_id, tick=self._meters.tick(purpose, key.key_id, Act.MAC))
            for key, material, *_ in self._holding(purpose)
        )

    def table(self, name: str) -> RingSeal:
        """Give the keys of a table beside the vault: the primary row seal key's seals, every living one's opens.

        Raises:
            KeyNotFoundError: there is none.
        """
        purpose = Purpose.ROW_SEAL
        info = outer_info(self._realm, purpose, epoch=BESIDE, source="registry", table=name)
        readers = {
            key.key_id: SealKey(
                hkdf(material, info),
                key_id=key.key_id,
                may_seal=makes,
                on_seal=self._meters.tick(purpose, key.key_id, Act.KEEP),
                on_open=self._meters.tick(purpose, key.key_id, Act.FETCH),
            )
            for key, material, _, makes, _ in self._holding(purpose)
        }
        return RingSeal(primary=next(iter(readers.values())), readers=readers)

    def _token_key(self, purpose: Purpose, key: RingKey, material: bytearray, info: bytes) -> TokenKey:
        tick = self._meters.tick(purpose, key.key_id, Act.EVALUATE)
        return TokenKey(material, info=info, key_id=key.key_id, tick=tick)
