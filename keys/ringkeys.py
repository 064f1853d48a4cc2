"""What is done to every wrapped key of a keyring at once: unwrapped to be checked, and wrapped anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys.errors import KeyringIntegrityError
from keys.signing import public_of

if TYPE_CHECKING:
    from keys.kek import Kek
    from keys.keyset import Keyring


def require_intact(ring: Keyring, kek: Kek) -> None:
    """Unwrap each key, and see that a public one belongs to it.

    Raises:
        KeyringIntegrityError: one does not unwrap, or its public key is another's.
    """
    for purpose, key in ring:
        if key.wrapped:
            material = kek.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id)
            if key.public and public_of(material.view()) != key.public:
                raise KeyringIntegrityError(f"the public {purpose} key {key.key_id} is not the private one's")
            material.wipe()


def rewrap(ring: Keyring, old: Kek, new: Kek) -> Keyring:
    """Wrap each key under another KEK.

    Raises:
        KeyringIntegrityError: one does not unwrap.
    """
    wrapped: dict[int, bytes] = {}
    for purpose, key in ring:
        if key.wrapped:
            material = old.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id)
            wrapped[key.key_id] = new.wrap(
                material.view(), realm=ring.realm, purpose=purpose, key_id=key.key_id
            )
            material.wipe()
    return ring.rewrapped(new.id, wrapped)
