"""How keys stand: versions, ages, what is due, and the CBOM, held against CycloneDX's own schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import RULES, Purpose
from keys.realm import Realm
from tests.simulator.kek_provider import MemoryKekProvider
from verifier.inventory import cbom, standing
from verifier.inventory.standing import standings

if TYPE_CHECKING:
    from pathlib import Path

    from keys.keyset import Keyring

NOW = datetime(2026, 1, 31, 8, 0, 0, tzinfo=UTC)
SERIAL = "3e671687-395b-41f5-a30f-a58921a69b79"


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """A keyring with a key in each state."""
    made = Custody(path=tmp_path / "k.json", provider=MemoryKekProvider(), actor="tester", now=lambda: NOW)
    made.create(Realm(registry_id="registry-test", environment="development"))
    made.rotate(Purpose.RECEIPT_SIGNING)
    made.add(Purpose.SET)
    _, lost = made.add(Purpose.TOKEN_TAG)
    made.destroy(Purpose.TOKEN_TAG, lost)
    made.compromise(Purpose.INDEX, made.read().primary(Purpose.INDEX).key_id, reason="drill")
    return made


def document(ring: Keyring, scheme: str = "file") -> dict[str, Any]:
    """Write a keyring's CBOM."""
    keys = standings(ring, now=NOW)
    return cbom.build(ring, keys, scheme=scheme, release="0.1.0", serial=SERIAL, now=NOW)


def test_versions_count_the_keys_of_a_purpose(custody: Custody) -> None:
    """The first key of a purpose is version 1 and the next 2, whatever their random numbers are."""
    found = [
        (one.version, one.primary)
        for one in standings(custody.read(), now=NOW)
        if one.purpose == Purpose.RECEIPT_SIGNING
    ]
    assert found == [(1, False), (2, True)]


def test_what_is_due_next(custody: Custody) -> None:
    """A primary key is due when it stops protecting, any other when it stops processing, a permanent one never."""
    later = standings(custody.read(), now=NOW + timedelta(days=40))
    by_purpose = {one.purpose: one for one in later}
    attribute = by_purpose[Purpose.ATTRIBUTE]
    assert (attribute.due, str(attribute.ends), attribute.age_days) == (
        NOW + timedelta(days=365),
        "protect",
        40,
    )
    index = by_purpose[Purpose.INDEX]
    assert (index.due, str(index.ends)) == (NOW + timedelta(days=3 * 365), "process")
    assert all(
        by_purpose[purpose].due is None for purpose in (Purpose.HANDLE, Purpose.SET, Purpose.TOKEN_TAG)
    )


def test_a_log_key_that_was_replaced_is_due_when_it_stops_signing(custody: Custody) -> None:
    """It signs beside the new one, so that its end to sign is what comes next; nothing does once it is deactivated."""
    ring, new = custody.rotate(Purpose.LOG_SIGNING)
    old = next(key.key_id for key in ring.keyset(Purpose.LOG_SIGNING).keys if key.key_id != new)

    def due(ring: Keyring) -> dict[int, datetime | None]:
        found = standings(ring, now=NOW)
        return {one.key.key_id: one.due for one in found if one.purpose == Purpose.LOG_SIGNING}

    assert due(ring) == {old: NOW + timedelta(days=365), new: NOW + timedelta(days=365)}
    ring = custody.deactivate(Purpose.LOG_SIGNING, old)
    assert due(ring) == {old: None, new: NOW + timedelta(days=365)}


def test_every_purpose_has_users() -> None:
    """A purpose is not added without saying which processes use it."""
    assert set(standing.USERS) == set(Purpose)
    assert all(standing.USERS.values())


def test_who_unlocks_is_told_of_every_provider(tmp_path: Path) -> None:
    """Each provider says who can unlock every key, and one that is not known says whether it is one person."""
    for uri, told in (
        ("file:k", "passphrase"),
        ("credential:k", "root of the host"),
        ("pkcs11:token=t;object=o?module-path=/m&kek-file=k", "PIN"),
    ):
        assert told in standing.unlockers(open_provider(uri, base=tmp_path))
    assert standing.unlockers(MemoryKekProvider()) == "several custodians together"
    assert standing.unlockers(MemoryKekProvider(single_custodian=True)) == "one person alone"


@pytest.mark.parametrize("scheme", ["file", "credential", "pkcs11", "quorum", "unknown"])
def test_the_cbom_is_one(custody: Custody, scheme: str) -> None:
    """The document passes CycloneDX 1.6's strict schema, formats of dates included, and refers to what is in it."""
    made = document(custody.read(), scheme)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None
    refs = [component["bom-ref"] for component in made["components"]]
    assert len(refs) == len(set(refs))
    named = {ref for entry in made["dependencies"] for ref in (entry["ref"], *entry["dependsOn"])}
    assert named - {"padan-server"} <= set(refs)
    material = [
        component["cryptoProperties"]["relatedCryptoMaterialProperties"]
        for component in made["components"]
        if component["cryptoProperties"]["assetType"] == "related-crypto-material"
    ]
    assert {each.get("algorithmRef", refs[0]) for each in material} <= set(refs)
    assert {each.get("state") for each in material} >= {
        "pre-activation",
        "active",
        "deactivated",
        "compromised",
        "destroyed",
    }


def test_the_schema_would_refuse_another_state(custody: Custody) -> None:
    """The check by schema is one: our own word for a state does not pass it."""
    made = document(custody.read())
    made["components"][-1]["cryptoProperties"]["relatedCryptoMaterialProperties"]["state"] = "pre-active"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is not None


def test_the_cbom_holds_no_key(custody: Custody) -> None:
    """Neither wrapped keys nor the provider's URI stand in it."""
    ring = custody.read()
    text = json.dumps(document(ring))
    assert not any(key.wrapped.hex() in text for _, key in ring if key.wrapped)
    assert sum(1 for _ in ring) == sum(RULES[purpose].initial for purpose in Purpose) + 3
