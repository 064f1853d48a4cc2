"""What every KEK provider keeps to, whoever holds the KEK: one suite over the table in holders.py."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from keys import provider as providers
from keys import ringformat
from keys.custody import Custody
from keys.errors import CustodianError, KeyringExistsError
from keys.kek import KEK_SIZE, Kek
from keys.purpose import Purpose
from keys.ringfile import RingFile
from tests.unit.keys.holders import HOLDERS, WRONG, Holder
from tests.unit.keys.test_ringfile import Breaker

if TYPE_CHECKING:
    from pathlib import Path

    from keys.provider import KekProvider
    from keys.realm import Realm


@pytest.fixture(params=sorted(HOLDERS))
def holder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Holder:
    """One provider of the table, in an empty folder."""
    (tmp_path / "holder").mkdir()
    return HOLDERS[request.param](tmp_path / "holder", monkeypatch)


@pytest.fixture
def made(holder: Holder) -> tuple[KekProvider, Kek]:
    """The same with its first KEK."""
    return holder.create()


@pytest.fixture
def made_keyring(holder: Holder, tmp_path: Path, realm: Realm) -> Custody:
    """A keyring under the provider's KEK, with a key that may be destroyed."""
    holder.prepare()
    custody = Custody(path=tmp_path / "keyring.json", provider=holder.open(), actor="tester")
    custody.create(realm)
    custody.add(Purpose.BIOMETRIC)
    return custody


def destroy_one(holder: Holder, custody: Custody) -> None:
    """Destroy the key that may be."""
    (key,) = custody.read().keyset(Purpose.BIOMETRIC).keys
    holder.prepare_renewal()
    custody.destroy(Purpose.BIOMETRIC, key.key_id)


def ids(provider: KekProvider) -> list[str]:
    """Name what a provider opens."""
    return [kek.id for kek in provider.unlock()]


def spellings(keks: tuple[Kek, ...]) -> list[str]:
    """Spell KEKs as text, in hex as people and as Python print it."""
    return [text for kek in keks for text in (bytes(kek.reveal()).hex(), repr(bytes(kek.reveal()))[2:-1])]


def test_every_scheme_has_a_holder() -> None:
    """No provider is added without keeping to this contract."""
    assert set(HOLDERS) == set(providers.SCHEMES)


def test_what_was_created_opens_in_another_process(holder: Holder, made: tuple[KekProvider, Kek]) -> None:
    """A KEK that was created is there for whoever has the secret, whole and the same."""
    _, kek = made
    (again,) = holder.open().unlock()
    assert (again.id, bytes(again.reveal())) == (kek.id, bytes(kek.reveal()))
    assert len(again.reveal()) == KEK_SIZE


def test_a_kek_is_never_replaced_by_creating(holder: Holder, made: tuple[KekProvider, Kek]) -> None:
    """Creating again is refused, or gives what is there; nothing on disk changes."""
    provider, kek = made
    before = [path.read_bytes() for path in holder.files()]
    with contextlib.suppress(KeyringExistsError):
        assert provider.create().id == kek.id
    assert [path.read_bytes() for path in holder.files()] == before
    assert ids(provider) == [kek.id]


def test_nothing_opens_before_it_was_created(holder: Holder) -> None:
    """What is not there is told, and opening makes nothing."""
    with pytest.raises(CustodianError):
        holder.open().unlock()
    assert not any(path.exists() for path in holder.files())


def test_a_renewal_keeps_both_and_retiring_keeps_one(holder: Holder, made: tuple[KekProvider, Kek]) -> None:
    """While a renewal is under way both open, the older first; then only the one that is kept."""
    provider, old = made
    new = holder.renew(provider)
    assert ids(holder.open()) == [old.id, new.id]
    holder.retire(provider, new.id)
    assert ids(provider) == [new.id]
    assert ids(holder.open()) == [new.id]


def test_a_renewal_may_be_given_up(holder: Holder, made: tuple[KekProvider, Kek]) -> None:
    """Until the old KEK is retired it may be kept, and the new one go."""
    provider, old = made
    holder.renew(provider)
    holder.retire(provider, old.id)
    assert ids(provider) == [old.id]


def test_retiring_is_done_twice_without_harm(made: tuple[KekProvider, Kek]) -> None:
    """A command that is run again after a crash finds its work done."""
    provider, kek = made
    provider.retire(kek.id)
    assert ids(provider) == [kek.id]


def test_a_kek_that_is_not_kept_is_not_kept_alone(made: tuple[KekProvider, Kek]) -> None:
    """An unknown id is refused before anything goes."""
    provider, kek = made
    with pytest.raises(CustodianError, match="does not hold"):
        provider.retire("00" * 8)
    assert ids(provider) == [kek.id]


def test_a_wrong_secret_is_its_own_error(holder: Holder, made_keyring: Custody) -> None:
    """A wrong secret opens nothing and changes nothing, is told apart from damage, and is not repeated."""
    holder.spoil_secret()
    before = [path.read_bytes() for path in holder.files()]
    path = made_keyring.events_path.with_name("keyring.json")
    spoilt = Custody(path=path, provider=holder.open(), actor="tester")
    for attempt in (spoilt.check, lambda: spoilt.add(Purpose.BIOMETRIC), lambda: destroy_one(holder, spoilt)):
        with pytest.raises(holder.wrong_secret) as refused:
            attempt()
        assert not any(secret in str(refused.value) for secret in [WRONG, *holder.secrets])
    assert holder.wrong_secret is not holder.broken_file
    assert [path.read_bytes() for path in holder.files()] == before


@pytest.mark.usefixtures("made")
def test_a_half_written_file_opens_nothing(holder: Holder) -> None:
    """A file that was cut anywhere is damage, and never another KEK."""
    for path in holder.files():
        whole = path.read_bytes()
        for size in (0, 1, len(whole) // 2, len(whole) - 2):
            path.write_bytes(whole[:size])
            with pytest.raises(holder.broken_file):
                holder.open().unlock()
        path.write_bytes(whole)


def test_a_full_disk_leaves_what_was_there(
    holder: Holder, made: tuple[KekProvider, Kek], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever step of a renewal fails, what is on disk is whole, and the present KEK still opens."""
    provider, kek = made
    breaker = Breaker(monkeypatch)
    names = sorted(path.name for path in holder.folder.iterdir())
    for step in range(1, 4):
        breaker.reset(step)
        try:
            holder.renew(provider)
        except OSError:
            breaker.reset(0)
            assert kek.id in ids(provider)
            assert sorted(path.name for path in holder.folder.iterdir()) == names
        breaker.reset(0)
        holder.retire(provider, kek.id)
    assert ids(holder.open()) == [kek.id]


def test_what_is_kept_is_the_owners_alone(holder: Holder, made: tuple[KekProvider, Kek]) -> None:
    """Nobody else may open the files, before and after a renewal."""
    provider, _ = made
    for _ in range(2):
        assert [path.stat().st_mode & 0o077 for path in holder.files()] == [0] * len(holder.files())
        holder.retire(provider, holder.renew(provider).id)


def test_nothing_is_shown(holder: Holder, made: tuple[KekProvider, Kek]) -> None:
    """Neither the provider's repr, its URI nor a KEK's repr holds a KEK or what opens it."""
    provider, _ = made
    keks = provider.unlock()
    shown = [repr(provider), provider.uri, *(repr(kek) for kek in keks)]
    for secret in [*spellings(keks), *holder.secrets]:
        assert not any(secret in text for text in shown)
    assert isinstance(provider.single_custodian, bool)
    assert provider.uri == holder.uri


class Killed(BaseException):
    """What ends a command as `kill -9` would: nothing catches it."""


def cut(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    """Let the process end where a method would begin."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(where, name, die)


@pytest.mark.parametrize("step", ["_write", "_settle"])
def test_a_crash_in_a_renewal_is_completed_by_the_next_change(
    holder: Holder, made_keyring: Custody, realm: Realm, step: str
) -> None:
    """Killed before the keyring was written, or before the old KEK went, every key opens; the next change ends it."""
    path = made_keyring.events_path.with_name("keyring.json")
    with pytest.MonkeyPatch.context() as killing:
        cut(killing, Custody, step)
        with pytest.raises(Killed):
            destroy_one(holder, made_keyring)
    again = Custody(path=path, provider=holder.open(), actor="tester")
    ring, _, findings = again.check()
    assert ring.realm == realm
    assert [finding.code for finding in findings] == ["kek-renewal"]
    kept = ring.kek_id
    holder.finish_renewal(kept)
    again.add(Purpose.BIOMETRIC)
    assert ids(holder.open()) == [kept]
    assert again.check()[2] == ()


def is_old(keyring: RingFile) -> bool:
    """Whether the backup of a keyring is under another KEK."""
    return ringformat.kek_id(keyring.backup.read_bytes()) != ringformat.kek_id(keyring.read())


@pytest.mark.parametrize(("where", "name"), [(Custody, "_settle"), (RingFile, "forget")])
def test_an_old_backup_is_found_and_goes(
    holder: Holder, made_keyring: Custody, where: type, name: str
) -> None:
    """Killed once the keyring is under the new KEK, a check finds what is left, and the next change ends it."""
    keyring = RingFile(made_keyring.events_path.with_name("keyring.json"))
    whole = getattr(where, name)

    def die(*arguments: object) -> object:
        if is_old(keyring):
            raise Killed
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as killing:
        killing.setattr(where, name, die)
        with pytest.raises(Killed):
            destroy_one(holder, made_keyring)
    assert is_old(keyring)
    again = Custody(path=keyring.path, provider=holder.open(), actor="tester")
    holder.finish_renewal(again.read().kek_id)
    assert {finding.code for finding in again.check()[2]} in ({"old-backup"}, {"kek-renewal"})
    again.add(Purpose.BIOMETRIC)
    assert not is_old(keyring)
    assert again.check()[2] == ()
