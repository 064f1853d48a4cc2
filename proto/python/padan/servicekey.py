"""Keys that the service signs: those to which probes are sealed, so that nobody between can put one of his own there.

A statement is the label "padan/service-key/1" and canonical fields (docs/formats/probe.md); it is signed with Ed25519
by a key that signs receipts. An agency that keeps those keys, from before or from elsewhere, thereby knows that a key
for probes is the service's. Assumes the extra `sealing` (cryptography).
"""

from __future__ import annotations

import base64
import contextlib
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from padan import canonical, sealing, signature
from padan.errors import ConfigError, ConflictError, IdentityError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from padan.info import ServiceInfo, ServiceKey

PROBE: Final = "probe"
"""The purpose of a key to which probes are sealed."""
SIGNING: Final = "receipt-signing"
"""The purpose of the keys that sign it."""
_LABEL: Final = canonical.prefixed("padan/service-key/1")
_SECONDS: Final = struct.Struct(">q")


class ServiceKeyError(IdentityError):
    """A key is not signed by the service, or is not what its statement says."""


def statement(
    *, registry_id: str, environment: str, purpose: str, algorithm: str, public_key: bytes, not_after: int
) -> bytes:
    """Write what the service signs about a key.

    Args:
        registry_id: of the service.
        environment: of the service.
        purpose: what the key is for.
        algorithm: as `PublicKey.algorithm`.
        public_key: the raw key; its id is its thumbprint.
        not_after: nothing is sealed to it after this time, seconds of the Unix epoch.
    """
    fields = {
        1: registry_id.encode(),
        2: environment.encode(),
        3: purpose.encode(),
        4: sealing.key_id(public_key).encode(),
        5: algorithm.encode(),
        6: public_key,
        7: _SECONDS.pack(not_after),
    }
    return _LABEL + canonical.encode(fields)


def require_probe_key(
    key: ServiceKey | None,
    *,
    registry_id: str,
    environment: str,
    signers: Iterable[bytes],
    now: datetime | None = None,
) -> ServiceKey:
    """See that a key is the service's key for probes, and may still be sealed to.

    Args:
        key: as the service told it; None where it told none.
        registry_id: of the service that is asked.
        environment: of the service that is asked.
        signers: the public keys that sign the service's receipts, 32 bytes each; those that the agency keeps, or else
            `signers_of` what the service says now.
        now: the time; default this machine's clock.

    Raises:
        UnavailableError: reason "no-key": the service told none.
        ServiceKeyError: reason "key": not signed by any of these keys, of another registry, or malformed.
        ConflictError: reason "key-over": its time is over; ask the service for the current one.
    """
    if key is None:
        raise UnavailableError(
            "the service has no key for probes now", reason="no-key", next_step="ask again in a minute"
        )
    if key.purpose != PROBE or key.algorithm != sealing.ALGORITHM or key.not_after is None:
        raise ServiceKeyError("the key is not one for probes", reason="key")
    if len(key.public_key) != sealing.KEY_SIZE or sealing.key_id(key.public_key) != key.key_id:
        raise ServiceKeyError("the id of the key for probes is not its thumbprint", reason="key")
    stated = statement(
        registry_id=registry_id,
        environment=environment,
        purpose=key.purpose,
        algorithm=key.algorithm,
        public_key=key.public_key,
        not_after=int(key.not_after.timestamp()),
    )
    _require_signed(stated, key.signature, signers)
    if (now or datetime.now(tz=UTC)) >= key.not_after:
        raise ConflictError(
            "the time of the key for probes is over",
            reason="key-over",
            next_step="ask the service for the current one; if that is over too, set this machine's clock",
        )
    return key


def signers_in(keys: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Give the public keys of a JWK Set that the agency keeps, as `padan info --jwks` prints it.

    Args:
        keys: the set, as a JSON object.

    Raises:
        ConfigError: it holds no key, or one that is not an Ed25519 key of the id that it names.
    """
    entries = keys.get("keys")
    found = [_public_key(each) for each in entries] if isinstance(entries, list) else []
    if not found or None in found:
        raise ConfigError(
            "the kept keys are not the keys that sign the service's receipts",
            reason="key",
            next_step="keep what `padan info --jwks` prints, and compare the keys' ids with the registry's operator",
        )
    return tuple(each for each in found if each is not None)


def _public_key(entry: object) -> bytes | None:
    if not isinstance(entry, dict) or (entry.get("kty"), entry.get("crv")) != ("OKP", "Ed25519"):
        return None
    try:
        public_key = base64.urlsafe_b64decode(str(entry.get("x")) + "=")
        named = signature.thumbprint(public_key)
    except (ValueError, signature.SignatureError):
        return None
    return public_key if named == entry.get("kid") else None


def signers_of(info: ServiceInfo) -> tuple[bytes, ...]:
    """Give the public keys that sign the service's receipts, as it tells them itself."""
    return tuple(key.public_key for key in info.keys if key.purpose == SIGNING and key.algorithm == "Ed25519")


def _require_signed(stated: bytes, signed: bytes, signers: Iterable[bytes]) -> None:
    for public_key in signers:
        with contextlib.suppress(signature.SignatureError):
            signature.verify(public_key, stated, signed)
            return
    raise ServiceKeyError(
        "the key for probes is not signed by a key that signs the service's receipts",
        reason="key",
        next_step="seal nothing to it; ask the registry's operator for the keys of the service",
    )
