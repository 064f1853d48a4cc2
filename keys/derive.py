"""HKDF-SHA-256 (RFC 5869) and the infos that it is given: one derived key per place, none of them stored.

The keys of the vault's outer layer are derived per (epoch, source, table, modality), so a person's rows in
two tables share nothing; the replay store's per day, so that a day's answers die with the day.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys.errors import KeyUseError
from padan.canonical import prefixed

if TYPE_CHECKING:
    from keys.realm import Realm

SIZE: Final = 32
_MAX_SIZE: Final = 255 * 32
_number = struct.Struct(">I").pack


def hkdf(key: bytes | bytearray, info: bytes, *, size: int = SIZE, salt: bytes = b"") -> bytes:
    """Derive a key.

    Args:
        key: input keying material, at least 32 bytes here although the RFC asks for none.
        info: what the derived key is for, starting with `Realm.label`.
        size: bytes wanted, 1 to 8,160.
        salt: RFC 5869 salt; none is needed, since the input is uniform.

    Raises:
        KeyUseError: the key is empty or the size is out of range.
    """
    if not key or not 0 < size <= _MAX_SIZE:
        raise KeyUseError("HKDF needs a key and gives 1 to 8,160 bytes")
    return HKDF(algorithm=SHA256(), length=size, salt=salt or None, info=info).derive(key)


def outer_info(
    realm: Realm, construction: str, *, epoch: int, source: str, table: str, modality: str = ""
) -> bytes:
    """Make the info of an outer key: label | u32 epoch | prefixed(source, table, modality).

    Args:
        realm: the registry and environment.
        construction: "outer-token" or "row-seal".
        epoch: number of the vault epoch.
        source: "registry", or the name of another source.
        table: "person", or another table of the source.
        modality: empty but for biometric tables.

    Raises:
        KeyUseError: the epoch does not fit in 32 bits.
    """
    try:
        return realm.label(construction) + _number(epoch) + prefixed(source, table, modality)
    except struct.error as error:
        raise KeyUseError("an epoch fits in 32 bits") from error


def replay_info(realm: Realm, *, day: int) -> bytes:
    """Make the info of a day's replay key: label "replay" | u32 day (days since 1970-01-01 of log time).

    Raises:
        KeyUseError: the day does not fit in 32 bits.
    """
    try:
        return realm.label("replay") + _number(day)
    except struct.error as error:
        raise KeyUseError("a day fits in 32 bits") from error
