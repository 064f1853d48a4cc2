"""What custodians do with a keyring file."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from keys import ringformat
from keys.custody import Custody
from keys.errors import (
    EventsError,
    KekMismatchError,
    KeyNotFoundError,
    KeyringConflictError,
    KeyringExistsError,
    KeyringIntegrityError,
    KeyringMissingError,
    TransitionError,
)
from keys.kek import Kek
from keys.purpose import RULES, Purpose
from keys.ringfile import RingFile
from keys.state import KeyState
from tests.simulator.kek_provider import MemoryKekProvider
from tests.unit.keys.test_ringfile import Breaker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keys.realm import Realm
    from tests.unit.keys.conftest import Clock

NAME = "keyring.json"


def primary(custody: Custody, purpose: Purpose) -> int:
    """Give the id of a purpose's primary key."""
    return custody.read().primary(purpose).key_id


def test_a_new_keyring_has_an_active_primary_for_each_initial_purpose(custody: Custody) -> None:
    """A new keyring is ready to serve, and sound."""
    ring, alarms, findings = custody.check()
    assert (ring.counter, alarms, findings) == (1, (), ())
    assert set(ring.keysets) == {str(purpose) for purpose in Purpose if RULES[purpose].initial}
    assert all(key.state is KeyState.ACTIVE for _, key in ring)
    assert [event.name for event in custody.history()].count("key-primary") == len(ring.keysets)


def test_single_custody_is_recorded(tmp_path: Path, realm: Realm) -> None:
    """A provider that one person unlocks leaves a line of its own."""
    provider = MemoryKekProvider(single_custodian=True)
    custody = Custody(path=tmp_path / "other.json", provider=provider, actor="tester")
    custody.create(realm)
    assert custody.history()[1].name == "single-custodian"


def test_nothing_is_overwritten_by_a_new_keyring(custody: Custody, realm: Realm, tmp_path: Path) -> None:
    """A keyring, its backup or its history in the way is refused before a KEK is made."""
    with pytest.raises(KeyringExistsError):
        custody.create(realm)
    (tmp_path / NAME).unlink()
    fresh = MemoryKekProvider()
    with pytest.raises(KeyringExistsError):
        Custody(path=tmp_path / NAME, provider=fresh, actor="tester").create(realm)
    assert fresh.kept == []


def test_a_keys_life_from_making_to_destruction(custody: Custody, clock: Clock) -> None:
    """Each step is one write, dated, and one line or more of history."""
    ring, key_id = custody.add(Purpose.INDEX)
    assert ring.key(Purpose.INDEX, key_id).state is KeyState.PRE_ACTIVE
    clock.now += timedelta(days=1)
    ring = custody.activate(Purpose.INDEX, key_id)
    assert ring.keyset(Purpose.INDEX).primary != key_id
    ring = custody.activate(Purpose.INDEX, key_id, primary=True)
    assert ring.keyset(Purpose.INDEX).primary == key_id
    with pytest.raises(TransitionError, match="primary"):
        custody.deactivate(Purpose.INDEX, key_id)
    other = next(key.key_id for key in ring.keyset(Purpose.INDEX).keys if key.key_id != key_id)
    custody.deactivate(Purpose.INDEX, other)
    ring = custody.destroy(Purpose.INDEX, other)
    assert ring.key(Purpose.INDEX, other).destroyed == clock.now
    assert ring.counter == custody.read().counter == 6
    names = [event.name for event in custody.history()][-6:]
    assert names == [
        "key-created",
        "key-activated",
        "key-primary",
        "key-deactivated",
        "key-destroyed",
        "kek-renewed",
    ]


def test_the_first_active_key_of_a_purpose_becomes_primary(custody: Custody) -> None:
    """A purpose without a primary takes the key that becomes active."""
    _, key_id = custody.add(Purpose.BIOMETRIC)
    assert custody.activate(Purpose.BIOMETRIC, key_id).keyset(Purpose.BIOMETRIC).primary == key_id


def test_activating_twice_is_refused(custody: Custody) -> None:
    """An active key is not activated again unless to be made primary."""
    with pytest.raises(TransitionError, match="active cannot become active"):
        custody.activate(Purpose.INDEX, primary(custody, Purpose.INDEX))


def test_rotation_keeps_the_old_key_readable(custody: Custody) -> None:
    """The new key is primary, the old one deactivated with its material."""
    old = primary(custody, Purpose.REPLAY)
    ring, new = custody.rotate(Purpose.REPLAY)
    assert ring.keyset(Purpose.REPLAY).primary == new
    key = ring.key(Purpose.REPLAY, old)
    assert (key.state, bool(key.wrapped)) == (KeyState.DEACTIVATED, True)


def test_rotation_leaves_the_logs_old_key_signing(custody: Custody) -> None:
    """Witnesses and readers know the old key alone: it signs beside the new one, until a step of its own ends that."""
    old = primary(custody, Purpose.LOG_SIGNING)
    ring, new = custody.rotate(Purpose.LOG_SIGNING)
    assert ring.keyset(Purpose.LOG_SIGNING).primary == new
    assert ring.key(Purpose.LOG_SIGNING, old).state is KeyState.ACTIVE
    ring = custody.deactivate(Purpose.LOG_SIGNING, old)
    assert ring.key(Purpose.LOG_SIGNING, old).state is KeyState.DEACTIVATED


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if not RULES[purpose].rotates])
def test_keys_of_stored_data_are_not_rotated_by_a_word(custody: Custody, purpose: Purpose) -> None:
    """Where data stands under a key, a new primary alone would lose it."""
    before = custody.read()
    with pytest.raises(TransitionError if RULES[purpose].initial else KeyNotFoundError) as refused:
        custody.rotate(purpose)
    said = "moved to a new key" if RULES[purpose].initial else "the first one is created and activated"
    assert said in str(refused.value)
    assert custody.read() == before


def test_a_compromised_primary_stops_being_one_and_is_followed(custody: Custody) -> None:
    """After a compromise nothing is made until a new key is primary; check says so."""
    old = primary(custody, Purpose.HANDLE)
    custody.compromise(Purpose.HANDLE, old, reason="lost laptop")
    assert [finding.code for finding in custody.check()[2]] == ["no-primary"]
    assert custody.history()[-1].details["reason"] == "lost laptop"
    _, new = custody.add(Purpose.HANDLE)
    custody.activate(Purpose.HANDLE, new)
    assert custody.check()[2] == ()


def test_destroying_renews_the_kek_and_leaves_no_copy(
    custody: Custody, provider: MemoryKekProvider, tmp_path: Path
) -> None:
    """An old copy of the keyring is worth nothing with the new KEK, and the backup is no old copy."""
    old_file = (tmp_path / NAME).read_bytes()
    old = primary(custody, Purpose.REPLAY)
    custody.rotate(Purpose.REPLAY)
    ring = custody.destroy(Purpose.REPLAY, old)
    assert ring.key(Purpose.REPLAY, old).wrapped == b""
    assert len(provider.kept) == 1
    with pytest.raises(KekMismatchError):
        ringformat.decode(old_file, provider.unlock())
    assert (tmp_path / (NAME + ".bak")).read_bytes() == (tmp_path / NAME).read_bytes()
    custody.check()


def test_survivors_keep_their_material_over_a_renewal(custody: Custody, provider: MemoryKekProvider) -> None:
    """Rewrapping changes no key."""

    def materials() -> dict[int, bytes]:
        ring = custody.read()
        (kek,) = provider.unlock()
        return {
            key.key_id: bytes(
                kek.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id).view()
            )
            for purpose, key in ring
            if key.wrapped
        }

    _, extra = custody.add(Purpose.BIOMETRIC)
    before = materials()
    custody.destroy(Purpose.BIOMETRIC, extra)
    after = materials()
    assert after == {key_id: before[key_id] for key_id in before if key_id != extra}


CHANGES: dict[str, Callable[[Custody], object]] = {
    "add": lambda custody: custody.add(Purpose.INDEX),
    "rotate": lambda custody: custody.rotate(Purpose.REPLAY),
    "destroy": lambda custody: custody.destroy(
        Purpose.BIOMETRIC, custody.read().keyset(Purpose.BIOMETRIC).keys[0].key_id
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_cut_off_at_any_step_happened_wholly_or_not(
    custody: Custody,
    provider: MemoryKekProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    """Whichever step of the disk fails, the keyring is sound, old or new, its history agrees, and work goes on."""
    custody.add(Purpose.BIOMETRIC)
    saved = tmp_path / "saved"
    saved.mkdir()
    for path in tmp_path.glob("keyring*"):
        shutil.copy2(path, saved / path.name)
    kept, before = list(provider.kept), custody.read()
    breaker = Breaker(monkeypatch)
    step, finished = 0, False
    while not finished:
        step += 1
        for path in saved.iterdir():
            shutil.copy2(path, tmp_path / path.name)
        provider.kept = list(kept)
        breaker.reset(step)
        try:
            CHANGES[change](custody)
            finished = True
        except OSError:
            pass
        breaker.reset(0)
        ring = custody.read()
        assert ring.counter in {before.counter, before.counter + 1}
        assert (ring.counter == before.counter) == (ring.events == before.events)
        custody.add(Purpose.TOKEN_TAG)
        assert [finding.code for finding in custody.check()[2]] == []
        assert len(provider.kept) == 1
    assert step > 5


@pytest.mark.parametrize("step", ["renew", "retire"])
def test_a_provider_that_fails_in_a_renewal_loses_nothing(
    custody: Custody, provider: MemoryKekProvider, step: str
) -> None:
    """A renewal that is cut off at the provider shows in the check and is finished by the next change."""
    _, extra = custody.add(Purpose.BIOMETRIC)
    provider.fail_at = step
    with pytest.raises(OSError, match="provider failed"):
        custody.destroy(Purpose.BIOMETRIC, extra)
    codes = [finding.code for finding in custody.check()[2]]
    assert codes == (["kek-renewal"] if step == "retire" else [])
    custody.add(Purpose.TOKEN_TAG)
    assert custody.check()[2] == ()
    assert len(provider.kept) == 1


def test_a_leftover_new_kek_goes_too(custody: Custody, provider: MemoryKekProvider) -> None:
    """A renewal cut off before the keyring was written leaves the old KEK in use and drops the new one."""
    used = Kek(provider.kept[0]).id
    provider.renew()
    assert [finding.code for finding in custody.check()[2]] == ["kek-renewal"]
    custody.add(Purpose.BIOMETRIC)
    assert [Kek(data).id for data in provider.kept] == [used]


def test_a_swapped_wrapped_key_is_found(
    custody: Custody, provider: MemoryKekProvider, tmp_path: Path
) -> None:
    """Even a file whose MAC holds does not pass with a key in another's place."""
    ring = custody.read()
    (kek,) = provider.unlock()
    by_id = {key.key_id: key.wrapped for _, key in ring}
    one, other, *_ = by_id
    swapped = ring.rewrapped(kek.id, {**by_id, one: by_id[other], other: by_id[one]})
    RingFile(tmp_path / NAME).write(ringformat.encode(swapped, kek))
    with pytest.raises(KeyringIntegrityError, match="does not unwrap"):
        custody.check()


def test_no_change_without_its_history(custody: Custody, tmp_path: Path) -> None:
    """A deleted history stops every change and the check."""
    custody.events_path.unlink()
    for attempt in (lambda: custody.add(Purpose.BIOMETRIC), custody.check, custody.read):
        with pytest.raises(EventsError):
            attempt()
    assert (tmp_path / NAME).exists()


def test_two_custodians_do_not_change_at_once(custody: Custody, tmp_path: Path) -> None:
    """While another command holds the lock, a change is refused and a reading is not."""
    with RingFile(tmp_path / NAME).lock():
        with pytest.raises(KeyringConflictError):
            custody.add(Purpose.BIOMETRIC)
        custody.read()


def test_files_that_others_may_open_are_told(custody: Custody, tmp_path: Path) -> None:
    """The check names files that are not the owner's alone."""
    (tmp_path / NAME).chmod(0o644)
    assert [finding.code for finding in custody.check()[2]] == ["file-mode"]


def test_a_missing_keyring_is_told(tmp_path: Path, provider: MemoryKekProvider) -> None:
    """No file is no keyring."""
    with pytest.raises(KeyringMissingError):
        Custody(path=tmp_path / "none.json", provider=provider, actor="tester").read()


def test_an_export_is_recorded_before_it_happens(custody: Custody) -> None:
    """The history tells of the key that is about to leave, and where to."""
    key_id = primary(custody, Purpose.INDEX)
    ring, kek = custody.export(Purpose.INDEX, key_id, recipient="hsm")
    event = custody.history()[-1]
    assert (event.name, dict(event.details)) == (
        "key-exported",
        {"purpose": "index", "key_id": str(key_id), "to": "hsm"},
    )
    assert ring.kek_id == kek.id


def test_a_destroyed_key_is_not_exported(custody: Custody) -> None:
    """What is destroyed cannot leave."""
    _, key_id = custody.add(Purpose.BIOMETRIC)
    custody.destroy(Purpose.BIOMETRIC, key_id)
    with pytest.raises(KeyNotFoundError, match="destroyed"):
        custody.export(Purpose.BIOMETRIC, key_id, recipient="hsm")


def test_new_keys_stand_beside_the_old_ones_until_those_are_retired(custody: Custody) -> None:
    """A succession leaves the old keys active; retiring them destroys both in one step, under one new KEK."""
    purposes = (Purpose.OUTER_TOKEN, Purpose.ROW_SEAL)
    before = custody.read()
    old = [(purpose, before.primary(purpose).key_id) for purpose in purposes]
    ring = custody.succeed(purposes)
    assert ring.counter == before.counter + 1
    assert all(ring.primary(purpose).key_id != key_id for purpose, key_id in old)
    assert all(ring.key(purpose, key_id).state is KeyState.ACTIVE for purpose, key_id in old)
    retired = custody.retire(old)
    assert retired.counter == ring.counter + 1
    assert all(retired.key(purpose, key_id).state is KeyState.DESTROYED for purpose, key_id in old)
    assert retired.kek_id != ring.kek_id
    assert [event.name for event in custody.history()].count("kek-renewed") == 1
    again = custody.retire(old)
    assert again.kek_id == retired.kek_id
    custody.check()


def test_a_primary_key_is_not_retired(custody: Custody) -> None:
    """What makes new things cannot be destroyed with the old ones."""
    ring = custody.read()
    with pytest.raises(TransitionError):
        custody.retire([(Purpose.ROW_SEAL, ring.primary(Purpose.ROW_SEAL).key_id)])
    assert custody.read() == ring
