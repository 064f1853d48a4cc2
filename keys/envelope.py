"""Period envelopes of format 1: an audit period's key sealed to one key. For development only.

`0x01 | period id 16 | enc 32 | ciphertext 32 | tag 16`, 97 bytes; HPKE (RFC 9180, base mode) with
DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, info = `Realm.label("period-envelope") | period id`.
One private key opens every period, which is why a service with real people's data seals to the auditors'
threshold key instead (`padan.envelope`, format 2). `read_key` tells the two apart by their files.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from keys.errors import AuditorsKeyError, EnvelopeError, KeyUseError
from padan import auditors
from padan.card import PeopleFileError
from padan.group import GroupUnavailableError

if TYPE_CHECKING:
    from keys.realm import Realm
    from padan.auditors import AuditorsKey

FORMAT: Final = 1
PERIOD_ID_SIZE: Final = 16
PERIOD_KEY_SIZE: Final = 32
KEY_SIZE: Final = 32
SIZE: Final = 1 + PERIOD_ID_SIZE + 32 + PERIOD_KEY_SIZE + 16

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _info(realm: Realm, period_id: bytes) -> bytes:
    return realm.label("period-envelope") + period_id


def generate() -> tuple[bytes, bytes]:
    """Make a development auditors' key pair: private and public key, 32 bytes each."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def public_of(private_key: bytes) -> bytes:
    """Compute the public key of a private key.

    Raises:
        KeyUseError: not 32 bytes.
    """
    if len(private_key) != KEY_SIZE:
        raise KeyUseError("an X25519 private key has 32 bytes")
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def parse_key(text: str) -> bytes:
    """Read a key as settings and key files spell it: standard base64 of 32 bytes.

    Raises:
        KeyUseError: another form.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise KeyUseError("an auditors' key is standard base64 of 32 bytes") from error
    if len(key) != KEY_SIZE:
        raise KeyUseError("an auditors' key is standard base64 of 32 bytes")
    return key


def read_key(data: bytes) -> bytes | AuditorsKey:
    """Read the file of the auditors' key: the threshold key as its auditors signed it, or a development key.

    Raises:
        AuditorsKeyError: the threshold key is malformed or not signed by all, or cannot be used on this system.
        KeyUseError: it is neither.
    """
    if not data.lstrip().startswith(b"{"):
        return parse_key(data.decode(errors="replace"))
    try:
        return auditors.decode(data)
    except (PeopleFileError, GroupUnavailableError) as error:
        after = f"; {error.next_step}" if error.next_step else ""
        raise AuditorsKeyError(f"the auditors' key: {error}{after}") from error


def seal_period(
    period_key: bytes | bytearray, *, period_id: bytes, realm: Realm, auditors_key: bytes
) -> bytes:
    """Seal a period's key.

    Args:
        period_key: 32 bytes.
        period_id: 16 bytes.
        realm: the registry and environment.
        auditors_key: X25519 public key, 32 bytes.

    Raises:
        KeyUseError: a size is wrong, or the public key is a point of small order.
    """
    if (
        len(period_key) != PERIOD_KEY_SIZE
        or len(period_id) != PERIOD_ID_SIZE
        or len(auditors_key) != KEY_SIZE
    ):
        raise KeyUseError("a period has an id of 16 bytes and a key of 32, and so has the auditors' key")
    public = X25519PublicKey.from_public_bytes(auditors_key)
    try:
        sealed = _SUITE.encrypt(period_key, public, info=_info(realm, period_id))
    except ValueError as error:
        raise KeyUseError("the auditors' key is not a usable X25519 public key") from error
    return bytes([FORMAT]) + period_id + sealed


def open_period(envelope: bytes, *, realm: Realm, private_key: bytes) -> tuple[bytes, bytes]:
    """Open an envelope with the development auditors' private key.

    Returns:
        The period's id, 16 bytes, and its key, 32 bytes.

    Raises:
        EnvelopeError: of another format, changed, or sealed to another key or for another realm.
        KeyUseError: the private key is not 32 bytes.
    """
    if len(private_key) != KEY_SIZE:
        raise KeyUseError("an X25519 private key has 32 bytes")
    if len(envelope) != SIZE or envelope[0] != FORMAT:
        raise EnvelopeError("a period envelope of format 1 has 97 bytes and starts with 1")
    period_id = envelope[1 : 1 + PERIOD_ID_SIZE]
    private = X25519PrivateKey.from_private_bytes(private_key)
    try:
        key = _SUITE.decrypt(envelope[1 + PERIOD_ID_SIZE :], private, info=_info(realm, period_id))
    except (InvalidTag, ValueError) as error:
        raise EnvelopeError("the period envelope does not open with this key in this realm") from error
    return period_id, key
