"""Keys that turn a hashed number into a token: secret scalars of ristretto255, by RFC 9497.

A version of a token domain has one scalar k, derived from a seed of its own, and issues T = k H2G(nik); the match
domain has one too, which never leaves the service. What turns elements of one key into those of another is their
quotient. Scalars stay in zeroable buffers and never become numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.secret import Secret
from padan import dleq, group, grouphash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.meter import Tick

CONTEXT: Final = b"OPRFV1-\x00-" + grouphash.SUITE
"""The context string of RFC 9497 for its mode OPRF: what is hashed to the group, and keys, are derived under it."""


def _uncounted() -> None:
    """Count nothing."""


class Quotient(Secret):
    """What turns elements of one key into those of another; made by `TokenKey.toward`.

    Args:
        scalar: the quotient.
        tick: counts each element that is turned.
    """

    __slots__ = ("_multiply", "_scalar", "_tick")

    def __init__(self, scalar: bytearray, tick: Tick) -> None:
        self._scalar = scalar
        self._multiply = group.Multiplier(scalar).of
        self._tick = tick

    def turn(self, element: bytes) -> bytes:
        """Turn an element, 32 bytes.

        Raises:
            padan.group.GroupError: no element.
        """
        self._tick()
        return self._multiply(element)

    def prove(self, old: bytes, new: bytes, pairs: Sequence[tuple[bytes, bytes]], *, context: bytes) -> bytes:
        """Prove that one quotient leads from the old public key to the new one, and from each element to its partner.

        Args:
            old: public key of the key that the first elements are of.
            new: public key of the other.
            pairs: elements before and after.
            context: names the statement, for whoever checks it (padan.dleq).
        """
        return dleq.prove(self._scalar, new, pairs, context=context, origin=old)

    def wipe(self) -> None:
        """Zero the quotient, which turns nothing afterwards."""
        group.wipe(self._scalar)


class TokenKey(Secret):
    """The scalar of one version of a token domain, or of the match domain.

    Args:
        seed: 32 secret bytes; not kept.
        info: what the key is for.
        key_id: the number of its seed in the keyring.
        tick: counts each element that is made.

    Raises:
        padan.group.GroupError: not 32 bytes.
        padan.group.GroupUnavailableError: the system has no libsodium.
    """

    __slots__ = ("_multiply", "_scalar", "_tick", "key_id", "public")

    def __init__(
        self, seed: bytes | bytearray, *, info: bytes, key_id: int = 0, tick: Tick | None = None
    ) -> None:
        self._scalar = grouphash.derive_key(bytes(seed), info, CONTEXT)
        self._multiply = group.Multiplier(self._scalar).of
        self._tick: Tick = _uncounted if tick is None else tick
        self.key_id = key_id
        self.public = group.base(self._scalar)

    def evaluate(self, element: bytes) -> bytes:
        """Multiply a hashed number: Evaluate of RFC 9497 before its last hash, 32 bytes.

        Raises:
            padan.group.GroupError: no element.
        """
        self._tick()
        return self._multiply(element)

    def toward(self, other: TokenKey) -> Quotient:
        """Make what turns this key's elements into another's."""
        inverse = group.scalar_invert(self._scalar)
        quotient = Quotient(group.scalar_multiply(other._scalar, inverse), other._tick)
        group.wipe(inverse)
        return quotient

    def wipe(self) -> None:
        """Zero the scalar, which makes nothing afterwards."""
        group.wipe(self._scalar)


def hashed(nik: bytes) -> bytes:
    """Hash a number to the group: H2G, HashToGroup of RFC 9497, 32 bytes; the same for every domain."""
    return grouphash.to_group(nik, CONTEXT)
