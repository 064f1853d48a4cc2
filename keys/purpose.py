"""What keys are for: one key, one purpose (NIST SP 800-57 part 1, section 5.2), as a table of data.

Cryptoperiods follow the same publication, table 1: at most two years of protecting for symmetric keys, and at
most three more of processing. Padan protects for one year and processes for two more. Three purposes are
without a limit on purpose: handles, budgets and tombstones must stay equal over every rotation, or history,
budgets and erasures would be lost with the key.

Keys that issue agencies' tokens are one keyset a token domain, "token-domain/DOMAIN", so that each domain's keys are
drawn, rotated and destroyed alone, and a key of one domain is wrapped as that domain's.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Algorithm(enum.StrEnum):
    """What a key is used with."""

    HMAC_SHA256 = "hmac-sha256"
    HKDF_SHA256 = "hkdf-sha256"
    """The key is never used itself, only keys derived from it."""
    ED25519 = "ed25519"


TYPE_URLS: Final[Mapping[Algorithm, str]] = MappingProxyType(
    {
        Algorithm.HMAC_SHA256: "type.googleapis.com/google.crypto.tink.HmacKey",
        Algorithm.HKDF_SHA256: "type.googleapis.com/google.crypto.tink.HkdfPrfKey",
        Algorithm.ED25519: "type.googleapis.com/google.crypto.tink.Ed25519PrivateKey",
    }
)
"""Tink's names of the algorithms, written beside our own."""


class KeysetName(str):
    """What a keyset is called: a `Purpose`, or a purpose and the domain that its keys are for alone (`TokenDomain`)."""

    __slots__ = ()


class Purpose(KeysetName, enum.ReprEnum):
    """Purposes of keys, as they are written in the keyring."""

    INDEX = "index"
    ATTRIBUTE = "attribute"
    OUTER_TOKEN = "outer-token"  # noqa: S105 - the name of a purpose
    ROW_SEAL = "row-seal"
    BIOMETRIC = "biometric"
    TOKEN_DOMAIN = "token-domain"  # noqa: S105 - the name of a purpose
    TOKEN_TAG = "token-tag"  # noqa: S105 - the name of a purpose
    TOKEN_INDEX = "token-index"  # noqa: S105 - the name of a purpose
    MATCH_DOMAIN = "match-domain"
    SET = "set"
    BUDGET = "budget"
    HANDLE = "handle"
    TOMBSTONE = "tombstone"
    REPLAY = "replay"
    LOG_SIGNING = "log-signing"
    RECEIPT_SIGNING = "receipt-signing"
    PROJECTOR_FEED = "projector-feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeRules:
    """What holds for every key of a purpose.

    Args:
        algorithm: what the key is used with.
        size: bytes of the key.
        protects: how long a key makes new things after its activation; None is without end.
        processes: how long it reads them, from the same moment; None is without end.
        initial: whether a new keyring holds a key of this purpose.
        permanent: whether the key outlives every rotation, so that there is only one that is sound.
        rotates: whether a new primary key may be made at any time, because whatever the old one made names its key.
        beside: whether the key that a rotation replaces stays active beside the new one until it is deactivated, since
            others believe the old one alone and must be handed the new one first.
        scoped: whether the purpose has a keyset for each domain, and none of its own.
        optional: whether a keyring is sound without a key of this purpose, as those of earlier releases are.
    """

    algorithm: Algorithm
    size: int = 32
    protects: timedelta | None = timedelta(days=365)
    processes: timedelta | None = timedelta(days=3 * 365)
    initial: bool = True
    permanent: bool = False
    rotates: bool = False
    beside: bool = False
    scoped: bool = False
    optional: bool = False


ALARM_AHEAD: Final = timedelta(days=30)
"""How long before the end of a cryptoperiod the alarm begins."""

_HMAC = PurposeRules(algorithm=Algorithm.HMAC_SHA256)
_HKDF = PurposeRules(algorithm=Algorithm.HKDF_SHA256)
_TOKENS = PurposeRules(algorithm=Algorithm.HMAC_SHA256, optional=True)
_LATER_HKDF = PurposeRules(algorithm=Algorithm.HKDF_SHA256, initial=False)
_PERMANENT = PurposeRules(algorithm=Algorithm.HMAC_SHA256, protects=None, processes=None, permanent=True)

RULES: Final[Mapping[Purpose, PurposeRules]] = MappingProxyType(
    {
        Purpose.INDEX: _HMAC,
        Purpose.ATTRIBUTE: _HMAC,
        Purpose.OUTER_TOKEN: _HKDF,
        Purpose.ROW_SEAL: _HKDF,
        Purpose.BIOMETRIC: _LATER_HKDF,
        Purpose.TOKEN_DOMAIN: PurposeRules(
            algorithm=Algorithm.HKDF_SHA256, initial=False, rotates=True, scoped=True
        ),
        Purpose.TOKEN_TAG: PurposeRules(algorithm=Algorithm.HMAC_SHA256, optional=True, rotates=True),
        Purpose.TOKEN_INDEX: _TOKENS,
        Purpose.MATCH_DOMAIN: PurposeRules(algorithm=Algorithm.HKDF_SHA256, optional=True),
        Purpose.SET: _TOKENS,
        Purpose.BUDGET: _PERMANENT,
        Purpose.HANDLE: _PERMANENT,
        Purpose.TOMBSTONE: _PERMANENT,
        Purpose.REPLAY: PurposeRules(algorithm=Algorithm.HKDF_SHA256, rotates=True),
        Purpose.LOG_SIGNING: PurposeRules(
            algorithm=Algorithm.ED25519, processes=None, rotates=True, beside=True
        ),
        Purpose.RECEIPT_SIGNING: PurposeRules(algorithm=Algorithm.ED25519, processes=None, rotates=True),
        Purpose.PROJECTOR_FEED: PurposeRules(algorithm=Algorithm.HMAC_SHA256, rotates=True),
    }
)
"""The rules of every purpose."""


_SCOPE: Final = "/"
_DOMAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class TokenDomain(KeysetName):
    """The name of the keyset of one token domain: "token-domain/DOMAIN".

    Args:
        domain: name of the domain, 1 to 63 of a-z, 0-9 and hyphens.

    Raises:
        ValueError: no such name.
    """

    __slots__ = ()

    def __new__(cls, domain: str) -> Self:
        """Name the keyset of a domain."""
        if not _DOMAIN.fullmatch(domain):
            raise ValueError("a token domain has 1 to 63 of a-z, 0-9 and hyphens")
        return super().__new__(cls, f"{Purpose.TOKEN_DOMAIN}{_SCOPE}{domain}")

    @property
    def domain(self) -> str:
        """Name of the domain."""
        return self.partition(_SCOPE)[2]


def parse(text: str) -> KeysetName:
    """Read the name of a keyset.

    Raises:
        ValueError: this release has no keys of such a name.
    """
    base, scope, domain = text.partition(_SCOPE)
    purpose = Purpose(base)
    if RULES[purpose].scoped != bool(scope):
        raise ValueError(f"keys of the purpose {purpose} are named with a domain, and no others are")
    return TokenDomain(domain) if scope else purpose


def is_known(text: str) -> bool:
    """Say whether this release has keys of such a name."""
    try:
        parse(text)
    except ValueError:
        return False
    return True


def purpose_of(name: str) -> Purpose:
    """Give the purpose of a keyset's keys.

    Raises:
        ValueError: this release has none of such a name.
    """
    if isinstance(name, Purpose):
        return name
    return Purpose(str(parse(name)).partition(_SCOPE)[0])


def rules(name: KeysetName) -> PurposeRules:
    """Look up what holds for a keyset's keys."""
    return RULES[purpose_of(name)]
