"""What keys are for: one key, one purpose (NIST SP 800-57 part 1, section 5.2), as a table of data.

Cryptoperiods follow the same publication, table 1: at most two years of protecting for symmetric keys, and at
most three more of processing. Padan protects for one year and processes for two more. Three purposes are
without a limit on purpose: handles, budgets and tombstones must stay equal over every rotation, or history,
budgets and erasures would be lost with the key.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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


class Purpose(enum.StrEnum):
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
    """

    algorithm: Algorithm
    size: int = 32
    protects: timedelta | None = timedelta(days=365)
    processes: timedelta | None = timedelta(days=3 * 365)
    initial: bool = True
    permanent: bool = False
    rotates: bool = False


ALARM_AHEAD: Final = timedelta(days=30)
"""How long before the end of a cryptoperiod the alarm begins."""

_HMAC = PurposeRules(algorithm=Algorithm.HMAC_SHA256)
_HKDF = PurposeRules(algorithm=Algorithm.HKDF_SHA256)
_LATER_HMAC = PurposeRules(algorithm=Algorithm.HMAC_SHA256, initial=False)
_LATER_HKDF = PurposeRules(algorithm=Algorithm.HKDF_SHA256, initial=False)
_PERMANENT = PurposeRules(algorithm=Algorithm.HMAC_SHA256, protects=None, processes=None, permanent=True)
_SIGNING = PurposeRules(algorithm=Algorithm.ED25519, processes=None, rotates=True)

RULES: Final[Mapping[Purpose, PurposeRules]] = MappingProxyType(
    {
        Purpose.INDEX: _HMAC,
        Purpose.ATTRIBUTE: _HMAC,
        Purpose.OUTER_TOKEN: _HKDF,
        Purpose.ROW_SEAL: _HKDF,
        Purpose.BIOMETRIC: _LATER_HKDF,
        Purpose.TOKEN_DOMAIN: _LATER_HKDF,
        Purpose.TOKEN_TAG: _LATER_HMAC,
        Purpose.TOKEN_INDEX: _LATER_HMAC,
        Purpose.MATCH_DOMAIN: _LATER_HKDF,
        Purpose.SET: _LATER_HMAC,
        Purpose.BUDGET: _PERMANENT,
        Purpose.HANDLE: _PERMANENT,
        Purpose.TOMBSTONE: _PERMANENT,
        Purpose.REPLAY: PurposeRules(algorithm=Algorithm.HKDF_SHA256, rotates=True),
        Purpose.LOG_SIGNING: _SIGNING,
        Purpose.RECEIPT_SIGNING: _SIGNING,
        Purpose.PROJECTOR_FEED: PurposeRules(algorithm=Algorithm.HMAC_SHA256, rotates=True),
    }
)
"""The rules of every purpose."""


def rules(purpose: Purpose) -> PurposeRules:
    """Look up a purpose's rules."""
    return RULES[purpose]
