"""Period envelopes of format 2: an audit period's key sealed to the auditors' threshold key (hashed ElGamal).

    E   = e G, e a random scalar of this envelope
    key = HKDF-SHA-256(e A, info = label "period-envelope" format 2 | key id | E | A | period id), 32 bytes
    envelope = 0x02 | key id 16 | period id 16 | E 32 | AES-256-GCM(key, nonce 0, period key, aad = info) 48

113 bytes. The nonce is zero because each key seals once. The auditors open an envelope without joining their secret:
m of them each give s_i E with a proof (`padan.dleq`), and Lagrange's interpolation gives e A. Assumes `cryptography`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from padan import group
from padan.auditors import KEY_ID_SIZE
from padan.errors import AuditError
from padan.group import ELEMENT_SIZE, GroupError

if TYPE_CHECKING:
    from padan.auditors import AuditorsKey
    from padan.group import Buffer

FORMAT: Final = 2
CONSTRUCTION: Final = "period-envelope"
PERIOD_ID_SIZE: Final = 16
PERIOD_KEY_SIZE: Final = 32
SIZE: Final = 1 + KEY_ID_SIZE + PERIOD_ID_SIZE + ELEMENT_SIZE + PERIOD_KEY_SIZE + 16
_NONCE: Final = bytes(12)
_ELEMENT_AT: Final = 1 + KEY_ID_SIZE + PERIOD_ID_SIZE
_BOX_AT: Final = _ELEMENT_AT + ELEMENT_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An envelope, taken apart.

    Attributes:
        key_id: the auditors' key, 16 bytes.
        period_id: 16 bytes.
        element: E, 32 bytes; an element other than the identity.
        box: the sealed period key.
    """

    key_id: bytes
    period_id: bytes
    element: bytes
    box: bytes


def seal(period_key: Buffer, *, period_id: bytes, key: AuditorsKey) -> bytes:
    """Seal a period's key; what is computed on the way is zeroed.

    Args:
        period_key: 32 bytes.
        period_id: 16 bytes.
        key: the auditors' key.

    Raises:
        AuditError: a size is wrong.
        GroupError: the auditors' key is no element.
    """
    if len(period_key) != PERIOD_KEY_SIZE or len(period_id) != PERIOD_ID_SIZE:
        raise AuditError("a period has an id of 16 bytes and a key of 32", reason="envelope")
    secret = group.random_scalar()
    element, shared = group.base(secret), group.multiply_secret(secret, key.public)
    info = _info(key, element, period_id)
    derived = _derive(shared, info)
    box = AESGCM(derived).encrypt(_NONCE, period_key, info)
    group.wipe(secret, shared, derived)
    return bytes((FORMAT,)) + key.key_id + period_id + element + box


def parse(envelope: bytes) -> Envelope:
    """Take an envelope apart.

    Raises:
        AuditError: of another format or size, or E is no element.
    """
    if len(envelope) != SIZE or envelope[0] != FORMAT:
        raise AuditError("a period envelope of format 2 has 113 bytes and starts with 2", reason="envelope")
    element = envelope[_ELEMENT_AT:_BOX_AT]
    try:
        group.require_element(element)
    except GroupError as error:
        raise AuditError(f"the period envelope is malformed: {error}", reason="envelope") from None
    return Envelope(
        key_id=envelope[1 : 1 + KEY_ID_SIZE],
        period_id=envelope[1 + KEY_ID_SIZE : _ELEMENT_AT],
        element=element,
        box=envelope[_BOX_AT:],
    )


def unseal(envelope: Envelope, shared: Buffer, *, key: AuditorsKey) -> bytearray:
    """Open an envelope with e A, which m auditors computed.

    Returns:
        The period's key, 32 bytes, which the caller wipes.

    Raises:
        AuditError: of another key, changed, or `shared` is not what belongs to it.
    """
    if envelope.key_id != key.key_id:
        raise AuditError("the period is sealed to another auditors' key", reason="envelope")
    info = _info(key, envelope.element, envelope.period_id)
    derived = _derive(shared, info)
    try:
        return bytearray(AESGCM(derived).decrypt(_NONCE, envelope.box, info))
    except InvalidTag:
        raise AuditError("the period envelope does not open; it was changed", reason="envelope") from None
    finally:
        group.wipe(derived)


def _info(key: AuditorsKey, element: bytes, period_id: bytes) -> bytes:
    return key.place.label(CONSTRUCTION, FORMAT) + key.key_id + element + key.public + period_id


def _derive(shared: Buffer, info: bytes) -> bytearray:
    derived = bytearray(32)
    HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive_into(shared, derived)
    return derived
