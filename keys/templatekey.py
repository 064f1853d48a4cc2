"""The keys that protect biometric templates: one for each enrolment, derived where it is used and kept nowhere.

    K = HKDF-SHA-256(K_biometric, info = label "template" | prefixed(suite, modality, extractor) | b 16 | u32 renewal)

b is drawn at enrolment and lies in the box of the reference, so that two enrolments share nothing, not even those of
one person. What a suite draws from K it takes from SHAKE-256 (FIPS 202), the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

from keys.derive import hkdf
from keys.errors import KeyUseError
from keys.secret import Secret
from padan.canonical import prefixed

if TYPE_CHECKING:
    from keys.meter import Tick
    from keys.realm import Realm

DRAW_SIZE: Final = 16
"""Bytes of b."""
_RENEWAL = struct.Struct(">I")


class TemplateKey(Secret):
    """The key of one enrolment.

    Args:
        key: 32 bytes.
    """

    __slots__ = ("_start",)

    def __init__(self, key: bytes) -> None:
        self._start = hashlib.shake_256(key)

    def stream(self, tag: bytes, size: int) -> bytes:
        """Give the first bytes of SHAKE-256(K | tag); what is drawn for two uses has two tags."""
        stream = self._start.copy()
        stream.update(tag)
        return stream.digest(size)


class TemplateKeys(Secret):
    """Derives the keys of enrolments from one key of the keyring.

    Args:
        realm: registry and environment.
        material: the keyring's key, 32 bytes.
        key_id: its number.
        tick: counts each derived key.
    """

    __slots__ = ("_label", "_material", "_tick", "key_id")

    def __init__(
        self, realm: Realm, material: bytearray, *, key_id: int = 0, tick: Tick | None = None
    ) -> None:
        self._label = realm.label("template")
        self._material = material
        self._tick = tick
        self.key_id = key_id

    def derive(self, *, suite: str, modality: str, extractor: str, draw: bytes, renewal: int) -> TemplateKey:
        """Derive the key of an enrolment.

        Args:
            suite: names the construction and its parameters.
            modality: "face", "finger" or "iris".
            extractor: name and version of what made the template.
            draw: b, 16 bytes.
            renewal: how often the reference was renewed.

        Raises:
            KeyUseError: a size is wrong.
        """
        if len(draw) != DRAW_SIZE:
            raise KeyUseError("what is drawn at an enrolment has 16 bytes")
        try:
            counter = _RENEWAL.pack(renewal)
        except struct.error as error:
            raise KeyUseError("the number of renewals fits in 32 bits") from error
        if self._tick is not None:
            self._tick()
        info = self._label + prefixed(suite, modality, extractor) + draw + counter
        return TemplateKey(hkdf(self._material, info))
