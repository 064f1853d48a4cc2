"""The key-encryption key."""

from __future__ import annotations

import pytest

from keys.errors import KeyringIntegrityError, KeyUseError
from keys.kek import Kek
from keys.realm import Realm

REALM = Realm(registry_id="registry-test", environment="development")


def test_a_wrapped_key_unwraps_in_its_place_alone() -> None:
    """Realm, purpose and id are bound: a moved or renamed key does not open."""
    kek = Kek(bytes(range(32)))
    wrapped = kek.wrap(b"k" * 32, realm=REALM, purpose="index", key_id=7)
    assert bytes(kek.unwrap(wrapped, realm=REALM, purpose="index", key_id=7).view()) == b"k" * 32
    elsewhere = Realm(registry_id="registry-test", environment="production")
    for realm, purpose, key_id in ((elsewhere, "index", 7), (REALM, "attribute", 7), (REALM, "index", 8)):
        with pytest.raises(KeyringIntegrityError, match="does not unwrap"):
            kek.unwrap(wrapped, realm=realm, purpose=purpose, key_id=key_id)


def test_another_kek_does_not_unwrap() -> None:
    """A wrapped key belongs to one KEK."""
    wrapped = Kek(bytes(32)).wrap(b"k" * 32, realm=REALM, purpose="index", key_id=7)
    with pytest.raises(KeyringIntegrityError):
        Kek(bytes(range(32))).unwrap(wrapped, realm=REALM, purpose="index", key_id=7)


def test_ids_tell_keks_apart_and_are_stable() -> None:
    """The id is a function of the KEK, 16 hex digits."""
    one, other = Kek.generate(), Kek.generate()
    assert one.id != other.id
    assert Kek(one.reveal()).id == one.id
    assert len(one.id) == 16


def test_wiping_zeroes_it() -> None:
    """A wiped KEK reveals zeros and vouches for nothing."""
    kek = Kek.generate()
    buffer = kek.reveal()
    kek.wipe()
    assert bytes(buffer) == bytes(32)
    with pytest.raises(KeyUseError, match="wiped"):
        kek.bind(b"x")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_kek_of_another_size_is_refused(size: int) -> None:
    """A KEK has 32 bytes."""
    with pytest.raises(KeyUseError, match="32 bytes"):
        Kek(bytes(size))
