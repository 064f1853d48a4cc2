"""HKDF and its infos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from keys.derive import hkdf, outer_info, replay_info
from keys.errors import KeyUseError

if TYPE_CHECKING:
    from keys.realm import Realm


def test_derived_keys_are_the_published_ones(published: dict[str, Any]) -> None:
    """RFC 5869's cases come out as published."""
    for case in published["hkdf_sha256"]["cases"]:
        ikm, info, salt = (bytes.fromhex(case[name]) for name in ("ikm", "info", "salt"))
        assert hkdf(ikm, info, size=case["size"], salt=salt).hex() == case["okm"]


def test_infos_and_keys_are_those_of_the_vectors(golden: dict[str, Any], realm: Realm) -> None:
    """Infos name construction, epoch or day, source, table and modality, to the byte."""
    for case in golden["derivations"]:
        if case["construction"] == "replay":
            info = replay_info(realm, day=case["day"])
        else:
            info = outer_info(
                realm,
                case["construction"],
                epoch=case["epoch"],
                source=case["source"],
                table=case["table"],
                modality=case["modality"],
            )
        assert info.hex() == case["info"]
        assert hkdf(bytes.fromhex(case["key"]), info).hex() == case["derived"]


def test_no_two_places_share_a_key(realm: Realm) -> None:
    """Epoch, table, source, modality and construction each change the derived key."""
    infos = {
        outer_info(realm, name, epoch=epoch, source=source, table=table, modality=modality)
        for name in ("outer-token", "row-seal")
        for epoch in (1, 2)
        for source in ("a", "ab")
        for table in ("b", "")
        for modality in ("", "b")
    } | {replay_info(realm, day=day) for day in (1, 2)}
    assert len({hkdf(bytes(32), info) for info in infos}) == 2**5 + 2


def test_numbers_that_do_not_fit_are_refused(realm: Realm) -> None:
    """Epochs and days are 32 bits."""
    with pytest.raises(KeyUseError, match="32 bits"):
        outer_info(realm, "row-seal", epoch=2**32, source="registry", table="person")
    with pytest.raises(KeyUseError, match="32 bits"):
        replay_info(realm, day=-1)


@pytest.mark.parametrize(("key", "size"), [(b"", 32), (bytes(32), 0), (bytes(32), 8161)])
def test_an_empty_key_or_an_impossible_size_is_refused(key: bytes, size: int) -> None:
    """HKDF gives 1 to 8,160 bytes, from something."""
    with pytest.raises(KeyUseError, match="HKDF"):
        hkdf(key, b"info", size=size)
