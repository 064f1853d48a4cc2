"""Each enrolment's template key is its own, and derived to the byte as docs/formats/template.md says."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from keys.errors import KeyUseError
from keys.realm import Realm
from keys.templatekey import TemplateKeys

REALM = Realm(registry_id="registry-test", environment="development")
ROOT = bytearray(range(32))
PLACE: dict[str, Any] = {
    "suite": "face-hd3-1024/1",
    "modality": "face",
    "extractor": "net/1",
    "draw": bytes(range(16)),
    "renewal": 0,
}


def derive(**changed: Any) -> bytes:
    """Derive a key, and show it by its stream."""
    return TemplateKeys(REALM, ROOT).derive(**(PLACE | changed)).stream(b"tag", 64)


def test_a_key_is_derived_as_it_is_written() -> None:
    """HKDF and SHAKE-256 over the fields that the page names, written out by hand."""

    def text(word: str) -> bytes:
        return len(word).to_bytes(2, "big") + word.encode()

    words = ("padan", "template", "1", "registry-test", "development", "face-hd3-1024/1", "face", "net/1")
    info = b"".join(map(text, words)) + bytes(range(16)) + bytes(4)
    extracted = hmac.digest(bytes(32), ROOT, "sha256")  # RFC 5869 without a salt
    key = hmac.digest(extracted, info + b"\x01", "sha256")
    assert derive() == hashlib.shake_256(key + b"tag").digest(64)


@pytest.mark.parametrize(
    "changed",
    [
        {"suite": "face-hd3-1024/2"},
        {"modality": "finger"},
        {"extractor": "net/2"},
        {"draw": bytes(16)},
        {"renewal": 1},
    ],
)
def test_whatever_differs_makes_another_key(changed: dict[str, Any]) -> None:
    """Suite, modality, extractor, draw and renewal each count."""
    assert derive(**changed) != derive()


@pytest.mark.parametrize("changed", [{"draw": bytes(15)}, {"renewal": -1}, {"renewal": 1 << 32}])
def test_sizes_that_do_not_fit_are_refused(changed: dict[str, Any]) -> None:
    """A draw has 16 bytes, and a counter 32 bits."""
    with pytest.raises(KeyUseError):
        derive(**changed)


def test_each_derived_key_is_counted() -> None:
    """One derivation is one use of the keyring's key."""
    counted: list[int] = []
    keys = TemplateKeys(REALM, ROOT, key_id=7, tick=lambda: counted.append(1))
    keys.derive(**PLACE)
    keys.derive(**PLACE)
    assert (keys.key_id, len(counted)) == (7, 2)
