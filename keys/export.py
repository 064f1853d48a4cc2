"""The one way by which a key leaves as bytes: for custodians who move it into a device of their own.

Nobody imports this module but the custodians' command line, and a test says so. The caller has recorded the
export in the keyring's history before (`Custody.export`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keys.kek import Kek
    from keys.keyset import Keyring
    from keys.purpose import KeysetName


def export_raw(ring: Keyring, kek: Kek, purpose: KeysetName, key_id: int) -> bytes:
    """Unwrap a key into bytes.

    Raises:
        KeyNotFoundError: no such key.
        KeyringIntegrityError: it does not unwrap, or is destroyed.
    """
    key = ring.key(purpose, key_id)
    return bytes(kek.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key_id).view())
