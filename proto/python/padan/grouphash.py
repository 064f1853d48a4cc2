"""Hashing to the group ristretto255 and to its scalars (RFC 9380, RFC 9497 section 4.1), with SHA-512.

Guarantees: what is hashed under two tags never meets; the bytes are those of the RFCs' suite ristretto255-SHA512.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from padan import group
from padan.group import GroupError, scalar_of

if TYPE_CHECKING:
    from padan.group import Buffer

SUITE: Final = b"ristretto255-SHA512"
_BLOCK_SIZE: Final = 128
_DIGEST_SIZE: Final = 64
_MOST: Final = 255
_OVERSIZE: Final = b"H2C-OVERSIZE-DST-"


def expand(message: Buffer, tag: bytes, size: int) -> bytes:
    """Expand a message: `expand_message_xmd` of RFC 9380 section 5.3.1 with SHA-512.

    Args:
        message: any bytes.
        tag: the domain separation tag; one above 255 bytes is hashed first (section 5.3.3).
        size: bytes wanted, 1 to 16,320.

    Raises:
        GroupError: no tag, or a size out of range.
    """
    blocks = -(-size // _DIGEST_SIZE)
    if not tag or not 1 <= blocks <= _MOST:
        raise GroupError("a domain separation tag is not empty, and at most 16,320 bytes are expanded")
    if len(tag) > _MOST:
        tag = hashlib.sha512(_OVERSIZE + tag).digest()
    suffix = tag + bytes([len(tag)])
    first = hashlib.sha512(bytes(_BLOCK_SIZE) + message + size.to_bytes(2, "big") + b"\0" + suffix).digest()
    block = hashlib.sha512(first + b"\1" + suffix).digest()
    expanded = block
    for number in range(2, blocks + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = hashlib.sha512(mixed + bytes([number]) + suffix).digest()
        expanded += block
    return expanded[:size]


def to_group(message: Buffer, context: bytes) -> bytes:
    """Hash to an element: HashToGroup of RFC 9497, tag = "HashToGroup-" | context."""
    return group.element_of(expand(message, b"HashToGroup-" + context, group.UNIFORM_SIZE))


def to_scalar(message: Buffer, context: bytes) -> bytearray:
    """Hash to a scalar: HashToScalar of RFC 9497, tag = "HashToScalar-" | context."""
    return scalar_of(expand(message, b"HashToScalar-" + context, group.UNIFORM_SIZE))


def to_multiplier(message: Buffer, context: bytes) -> group.Multiplier:
    """Hash to a scalar, as `to_scalar` does, that is used to multiply alone."""
    return group.Multiplier(to_scalar(message, context), reduced=True)


def derive_key(seed: bytes, info: bytes, context: bytes) -> bytearray:
    """Derive a secret scalar from a seed: DeriveKeyPair of RFC 9497 section 3.2.1.

    Args:
        seed: 32 secret bytes.
        info: what the key is for.
        context: the protocol's context string.

    Raises:
        GroupError: another size of seed.
    """
    if len(seed) != group.SCALAR_SIZE:
        raise GroupError("a key is derived from 32 bytes")
    for counter in range(_MOST + 1):
        message = seed + len(info).to_bytes(2, "big") + info + bytes([counter])
        try:
            return scalar_of(expand(message, b"DeriveKeyPair" + context, group.UNIFORM_SIZE))
        except GroupError:
            continue
    raise GroupError("no key can be derived from this seed")
