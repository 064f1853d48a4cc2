"""The key agent."""

from __future__ import annotations

import functools
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.derive import hkdf, replay_info
from keys.envelope import generate, open_period
from keys.errors import (
    AuditorsKeyError,
    KekFileError,
    KekMismatchError,
    KeyDestroyedError,
    KeyExpiredError,
    KeyNotFoundError,
    KeyringIntegrityError,
    KeyStateError,
    KeyUseError,
    OpenError,
)
from keys.mac import MacKey
from keys.outer import EpochKeys
from keys.period import reference
from keys.purpose import RULES, Algorithm, Purpose
from keys.realm import Realm
from keys.signing import verify
from tests.simulator.kek_provider import MemoryKekProvider
from tests.unit.keys.conftest import VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keys.custody import Custody
    from keys.keyagent import KeyAgent
    from tests.unit.keys.conftest import Clock, Unlock

YEAR = timedelta(days=365)


def epoch(agent: KeyAgent, number: int = 1, table: str = "person") -> EpochKeys:
    """Name the primary outer keys."""
    return EpochKeys(
        epoch=number,
        outer_token=agent.key_id(Purpose.OUTER_TOKEN),
        row_seal=agent.key_id(Purpose.ROW_SEAL),
        table=table,
    )


def test_the_golden_keyring_unlocks_by_its_uri() -> None:
    """A keyring made apart from the package gives the keys that were put there."""
    folder = VECTORS / "keyring"
    agent = LocalKeyAgent.unlock(
        folder / "keyring.json", f"file:{folder}/kek.json?passphrase-file={folder}/passphrase"
    )
    assert agent.realm == Realm(registry_id="registry-golden", environment="staging")
    assert agent.keyring_counter == 8
    assert agent.key_id(Purpose.INDEX) == 203
    for key_id in (202, 203):
        material = bytes((key_id + i) % 256 for i in range(32))
        assert agent.mac(Purpose.INDEX, key_id).mac(b"x") == hmac.digest(material, b"x", "sha256")
    with pytest.raises(KeyStateError, match="pre-active"):
        agent.mac(Purpose.INDEX, 204)


def test_every_initial_key_does_what_its_purpose_says_and_nothing_else(unlock: Unlock) -> None:
    """A MAC key signs nothing, a signing key MACs nothing, and neither is derived from."""
    agent = unlock()
    for purpose in (purpose for purpose in Purpose if RULES[purpose].initial):
        key_id = agent.key_id(purpose)
        uses: dict[Algorithm, Callable[[], object]] = {
            Algorithm.HMAC_SHA256: functools.partial(agent.mac, purpose, key_id),
            Algorithm.ED25519: functools.partial(agent.signer, purpose),
        }
        for algorithm, use in uses.items():
            if RULES[purpose].algorithm is algorithm:
                use()
            else:
                with pytest.raises(KeyUseError):
                    use()
        if purpose is not Purpose.OUTER_TOKEN:
            with pytest.raises(KeyUseError):
                agent.block(purpose, key_id, b"info")
        if purpose is not Purpose.ROW_SEAL:
            with pytest.raises(KeyUseError):
                agent.seal_key(purpose, key_id, b"info")


def test_purposes_have_different_keys(unlock: Unlock) -> None:
    """No two MAC purposes share a key."""
    agent = unlock()
    purposes = [
        purpose
        for purpose in Purpose
        if RULES[purpose].initial and RULES[purpose].algorithm is Algorithm.HMAC_SHA256
    ]
    assert len({agent.mac(purpose).mac(b"same") for purpose in purposes}) == len(purposes)


def test_a_mac_key_is_the_same_object_each_time(unlock: Unlock) -> None:
    """Asking again costs nothing, by id or as the primary."""
    agent = unlock()
    assert agent.mac(Purpose.INDEX) is agent.mac(Purpose.INDEX, agent.key_id(Purpose.INDEX))


def test_outer_keys_differ_by_epoch_and_table(unlock: Unlock) -> None:
    """A person's tokens and boxes in two tables or epochs share nothing."""
    agent = unlock()
    places = [epoch(agent), epoch(agent, 2), epoch(agent, table="finger")]
    keys = [agent.outer(place) for place in places]
    assert len({key.token.encrypt(bytes(16)) for key in keys}) == 3
    box = keys[0].row.seal(b"row", b"aad")
    for key in keys[1:]:
        with pytest.raises(OpenError):
            key.row.open(box, b"aad")
    assert agent.outer(places[0], sealed=7).row.sealed == 7
    assert agent.outer(places[0]).row.open(box, b"aad") == b"row"


def test_replay_keys_die_with_the_day_and_survive_a_rotation(
    custody: Custody, unlock: Unlock, provider: MemoryKekProvider
) -> None:
    """A box of yesterday's key does not open under today's; one of the old key opens after a rotation."""
    agent = unlock()
    box = agent.replay_seal(100).seal(b"answer", b"key")
    with pytest.raises(OpenError):
        agent.replay_seal(101).open(box, b"key")
    custody.rotate(Purpose.REPLAY)
    rotated = unlock()
    assert rotated.replay_seal(100).open(box, b"key") == b"answer"
    assert rotated.replay_seal(100).key_id != agent.replay_seal(100).key_id
    (kek,) = provider.unlock()
    ring = rotated.keyring
    key = ring.primary(Purpose.REPLAY)
    material = kek.unwrap(key.wrapped, realm=ring.realm, purpose=Purpose.REPLAY, key_id=key.key_id)
    derived = hkdf(material.view(), replay_info(ring.realm, day=100))
    from keys.seal import SealKey

    assert SealKey(derived).open(rotated.replay_seal(100).seal(b"x", b"")[5:], b"") == b"x"


def test_the_replay_count_starts_where_the_record_says(unlock: Unlock) -> None:
    """Boxes that other writers sealed today are counted in."""
    assert unlock().replay_seal(1, sealed=41).sealed == 41


def test_signatures_verify_under_the_listed_public_keys(custody: Custody, unlock: Unlock) -> None:
    """The public keys that are listed are those that sign, before and after a rotation."""
    old = unlock().signer(Purpose.RECEIPT_SIGNING)
    custody.rotate(Purpose.RECEIPT_SIGNING)
    agent = unlock()
    new = agent.signer(Purpose.RECEIPT_SIGNING)
    listed = {key.kid: key for key in agent.public_keys() if key.purpose == Purpose.RECEIPT_SIGNING}
    assert set(listed) == {old.key_id, new.key_id}
    for signer in (old, new):
        verify(listed[signer.key_id].public_key, b"m", signer.sign(b"m"))
        assert listed[signer.key_id].key_id == signer.ring_id


def test_every_active_key_signs_beside_the_primary_one(custody: Custody, unlock: Unlock) -> None:
    """The primary one comes first; a key that is deactivated, or whose time to sign is up, signs no more."""
    old = unlock().signer(Purpose.LOG_SIGNING)
    _, number = custody.add(Purpose.LOG_SIGNING)
    custody.activate(Purpose.LOG_SIGNING, number)
    new = unlock().signers(Purpose.LOG_SIGNING)[1]
    assert [each.key_id for each in unlock().signers(Purpose.LOG_SIGNING)] == [old.key_id, new.key_id]
    custody.activate(Purpose.LOG_SIGNING, number, primary=True)
    assert [each.key_id for each in unlock().signers(Purpose.LOG_SIGNING)] == [new.key_id, old.key_id]
    custody.deactivate(Purpose.LOG_SIGNING, old.ring_id)
    assert [each.key_id for each in unlock().signers(Purpose.LOG_SIGNING)] == [new.key_id]


def test_a_deactivated_key_reads_and_makes_nothing(custody: Custody, unlock: Unlock) -> None:
    """The old row key of a retired epoch opens its rows and seals none."""
    agent = unlock()
    place = epoch(agent)
    box = agent.outer(place).row.seal(b"row", b"")
    _, new = custody.add(Purpose.ROW_SEAL)
    custody.activate(Purpose.ROW_SEAL, new, primary=True)
    custody.deactivate(Purpose.ROW_SEAL, place.row_seal)
    keys = unlock().outer(place)
    assert keys.row.open(box, b"") == b"row"
    with pytest.raises(KeyStateError):
        keys.row.seal(b"row", b"")


def test_a_compromised_key_can_be_moved_away_from(custody: Custody, unlock: Unlock) -> None:
    """Nothing new is made with it, and what exists is still found."""
    agent = unlock()
    key_id = agent.key_id(Purpose.INDEX)
    custody.compromise(Purpose.INDEX, key_id, reason="drill")
    after = unlock()
    assert after.mac(Purpose.INDEX, key_id).mac(b"x") == agent.mac(Purpose.INDEX).mac(b"x")
    with pytest.raises(KeyNotFoundError, match="no primary"):
        after.mac(Purpose.INDEX)
    with pytest.raises(KeyNotFoundError, match="no primary"):
        after.key_id(Purpose.INDEX)


@pytest.mark.parametrize("state", ["pre-active", "destroyed"])
def test_keys_that_may_not_work_are_not_there(custody: Custody, unlock: Unlock, state: str) -> None:
    """A key before its time, or after its end, does nothing."""
    _, key_id = custody.add(Purpose.ROW_SEAL)
    if state == "destroyed":
        custody.destroy(Purpose.ROW_SEAL, key_id)
    with pytest.raises(KeyStateError, match=state) as raised:
        unlock().seal_key(Purpose.ROW_SEAL, key_id, b"")
    assert isinstance(raised.value, KeyDestroyedError) is (state == "destroyed")


def test_unknown_keys_are_told(unlock: Unlock) -> None:
    """An id or a purpose without a key is KeyNotFoundError."""
    agent = unlock()
    with pytest.raises(KeyNotFoundError, match="no index key 1"):
        agent.mac(Purpose.INDEX, 1)
    with pytest.raises(KeyNotFoundError, match="no primary biometric key"):
        agent.key_id(Purpose.BIOMETRIC)


def test_time_ends_making_first_and_reading_last(unlock: Unlock, clock: Clock) -> None:
    """Past its first end a key makes nothing and reads on, past its second it reads nothing; permanent keys go on."""
    agent = unlock()
    place = epoch(agent)
    box = agent.outer(place).row.seal(b"row", b"")
    clock.now += YEAR - timedelta(days=1)
    assert {alarm.over for alarm in agent.alarms()} == {False}
    clock.now += timedelta(days=1)
    makes: list[Callable[[], object]] = [
        lambda: agent.key_id(Purpose.INDEX),
        lambda: agent.mac(Purpose.INDEX),
        lambda: agent.signer(Purpose.RECEIPT_SIGNING),
        lambda: agent.replay_seal(1),
    ]
    for make in makes:
        with pytest.raises(KeyExpiredError):
            make()
    assert agent.outer(place).row.open(box, b"") == b"row"
    with pytest.raises(KeyStateError):
        agent.outer(place).row.seal(b"row", b"")
    clock.now += 2 * YEAR
    with pytest.raises(KeyExpiredError):
        agent.outer(place)
    agent.mac(Purpose.HANDLE).mac(b"x")


def test_a_period_is_sealed_to_the_configured_auditors(unlock: Unlock) -> None:
    """Each period is new, born now, and opens with the auditors' private key."""
    private, public = generate()
    agent = unlock(public)
    one, other = agent.open_period(), agent.open_period()
    assert one.id != other.id
    assert one.born == 5.0
    assert open_period(one.envelope, realm=agent.realm, private_key=private)[0] == one.id


def test_no_period_without_auditors(unlock: Unlock) -> None:
    """A service without an auditors' key opens no period, so it logs and answers nothing."""
    with pytest.raises(AuditorsKeyError, match="no auditors' key"):
        unlock().open_period()


def test_one_auditors_key_is_for_development_only(tmp_path: Path, provider: MemoryKekProvider) -> None:
    """With real people's data an envelope that one key opens is refused."""
    from keys.custody import Custody

    custody = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tester")
    custody.create(Realm(registry_id="registry-test", environment="production"))
    agent = LocalKeyAgent.unlock(tmp_path / "keyring.json", provider, auditors_key=generate()[1])
    with pytest.raises(AuditorsKeyError, match="development only"):
        agent.open_period()


@pytest.mark.parametrize("environment", ["production", "development"])
def test_periods_are_sealed_to_the_auditors_threshold_key(
    tmp_path: Path, provider: MemoryKekProvider, environment: str
) -> None:
    """In any environment periods are sealed to the key that the auditors made for it, and to no other registry's."""
    from keys.custody import Custody
    from padan import envelope, group, share
    from tests.auditing import make

    custody = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tester")
    custody.create(Realm(registry_id="test-registry", environment=environment))
    made = make("test-registry", environment)
    agent = LocalKeyAgent.unlock(tmp_path / "keyring.json", provider, auditors_key=made.key)
    period = agent.open_period()
    found = envelope.parse(period.envelope)
    parts = {at: group.multiply(made.shares[at - 1], found.element) for at in (2, 3)}
    key = MacKey(envelope.unseal(found, share.combine(parts), key=made.key))
    handle, nonce = bytes(range(16)), bytes(range(16, 32))
    assert period.reference(handle, nonce) == reference(key, handle, nonce)
    stranger = LocalKeyAgent.unlock(
        tmp_path / "keyring.json", provider, auditors_key=make("another-registry", environment).key
    )
    with pytest.raises(AuditorsKeyError, match="not for this registry"):
        stranger.open_period()


def test_a_closed_agent_holds_no_keys(unlock: Unlock) -> None:
    """Closing zeroes the material and what was handed out of it stops."""
    agent = unlock()
    mac = agent.mac(Purpose.INDEX)
    buffers = [material.view() for material in agent._materials.values()]
    agent.close()
    assert not any(any(buffer) for buffer in buffers)
    with pytest.raises(KeyUseError, match="wiped"):
        mac.mac(b"x")
    with pytest.raises(KeyNotFoundError, match="no longer"):
        agent.signer(Purpose.RECEIPT_SIGNING)


def test_a_changed_keyring_or_another_kek_does_not_unlock(
    custody: Custody, provider: MemoryKekProvider, tmp_path: Path
) -> None:
    """The agent reads through the same checks as the custodians."""
    del custody
    path = tmp_path / "keyring.json"
    stranger = MemoryKekProvider()
    stranger.create()
    with pytest.raises(KekMismatchError):
        LocalKeyAgent.unlock(path, stranger)
    path.write_bytes(path.read_bytes().replace(b"ENABLED", b"ENABLE!", 1))
    with pytest.raises(KeyringIntegrityError):
        LocalKeyAgent.unlock(path, provider)


def test_a_local_agent_is_a_key_agent(unlock: Unlock) -> None:
    """The embedded agent fits the protocol that the service is written against."""
    agent: KeyAgent = unlock()
    assert agent.keyring_counter == 1


def test_a_changed_keyring_is_taken_up(custody: Custody, unlock: Unlock) -> None:
    """New keys come, destroyed ones go, and what stays goes on with what was handed out of it."""
    agent = unlock()
    index, old = agent.mac(Purpose.INDEX), epoch(agent)
    value, replay = index.mac(b"value"), agent.key_id(Purpose.REPLAY)
    assert not agent.refresh()
    custody.succeed([Purpose.OUTER_TOKEN, Purpose.ROW_SEAL])
    assert agent.refresh()
    new = epoch(agent)
    assert (new.outer_token, new.row_seal) != (old.outer_token, old.row_seal)
    assert agent.outer(old).token.encrypt(bytes(16)) != agent.outer(new).token.encrypt(bytes(16))
    assert agent.mac(Purpose.INDEX) is index
    assert index.mac(b"value") == value
    gone = agent.materials()[old.row_seal]
    custody.retire([(Purpose.OUTER_TOKEN, old.outer_token), (Purpose.ROW_SEAL, old.row_seal)])
    assert agent.refresh()
    assert bytes(gone.view()) == bytes(32)
    with pytest.raises(KeyStateError):
        agent.outer(old)
    assert agent.key_id(Purpose.REPLAY) == replay


def test_a_changed_keyring_that_cannot_be_read_leaves_the_keys(
    custody: Custody, unlock: Unlock, provider: MemoryKekProvider
) -> None:
    """Where the KEK is not to be had, the agent says so and goes on with what it holds."""
    agent = unlock()
    before = agent.key_id(Purpose.ROW_SEAL)
    custody.succeed([Purpose.ROW_SEAL])
    kept, provider.kept = provider.kept, []
    with pytest.raises(KekFileError):
        agent.refresh()
    assert agent.key_id(Purpose.ROW_SEAL) == before
    provider.kept = kept
    assert agent.refresh()
    assert agent.key_id(Purpose.ROW_SEAL) != before
