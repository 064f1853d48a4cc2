"""Audit periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from keys.envelope import generate, open_period
from keys.errors import KeyUseError, PeriodOverError
from keys.mac import MacKey
from keys.period import LIFETIME, reference
from keys.period import open_period as new_period

if TYPE_CHECKING:
    from keys.realm import Realm

HANDLE, NONCE = bytes(range(16)), bytes(16)


def test_references_are_those_of_the_vectors(golden: dict[str, Any]) -> None:
    """An entry names its subject by HMAC(HMAC(K, h), nonce)[:16]."""
    for case in golden["period_references"]:
        key = MacKey(bytes.fromhex(case["period_key"]))
        found = reference(key, bytes.fromhex(case["handle"]), bytes.fromhex(case["nonce"]))
        assert found.hex() == case["reference"]


def test_an_auditor_recomputes_references_from_the_envelope(realm: Realm) -> None:
    """With the envelope's key and a handle an entry's subject is recognised."""
    private, public = generate()
    period = new_period(realm=realm, auditors_key=public, born=0.0)
    period_id, key = open_period(period.envelope, realm=realm, private_key=private)
    assert period_id == period.id
    assert reference(MacKey(key), HANDLE, NONCE) == period.reference(HANDLE, NONCE)


def test_entries_share_nothing_without_the_key(realm: Realm) -> None:
    """Another nonce, handle or period is another reference."""
    one, other = (new_period(realm=realm, auditors_key=generate()[1], born=0.0) for _ in range(2))
    found = {
        period.reference(handle, nonce)
        for period in (one, other)
        for handle in (HANDLE, bytes(16))
        for nonce in (NONCE, b"n" * 16)
    }
    assert len(found) == 8
    assert one.id != other.id


def test_a_period_ends_after_a_day_of_monotonic_time(realm: Realm) -> None:
    """Twenty-four hours from birth, to the second."""
    period = new_period(realm=realm, auditors_key=generate()[1], born=1000.0)
    assert not period.expired(1000.0 + LIFETIME - 1)
    assert period.expired(1000.0 + LIFETIME)
    assert LIFETIME == 86_400


def test_a_wiped_period_is_over_and_its_key_zero(realm: Realm) -> None:
    """After wiping nothing is named, and the key's memory holds zeros."""
    period = new_period(realm=realm, auditors_key=generate()[1], born=0.0)
    buffer = period._key._material.view()
    assert any(buffer)
    period.wipe()
    assert not any(buffer)
    assert period.expired(0.0)
    with pytest.raises(PeriodOverError):
        period.reference(HANDLE, NONCE)


@pytest.mark.parametrize(("handle", "nonce"), [(15, 16), (17, 16), (16, 15), (16, 0)])
def test_handles_and_nonces_of_other_sizes_are_refused(realm: Realm, handle: int, nonce: int) -> None:
    """Handle and nonce have 16 bytes each."""
    period = new_period(realm=realm, auditors_key=generate()[1], born=0.0)
    with pytest.raises(KeyUseError, match="16 bytes"):
        period.reference(bytes(handle), bytes(nonce))
