"""KEKs behind a real token of SoftHSM2: what is its own about it, and each way in which a token can be away."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass, TokenFlag

from keys import document, token_file
from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.errors import (
    CustodianError,
    TokenFileError,
    TokenKeyError,
    TokenMissingError,
    TokenModuleError,
    TokenPinError,
    TokenPinLockedError,
    TokenSessionError,
    TokenStoreError,
    TokenSupportError,
    TokenUnfitError,
)
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.ringfile import RingFile
from keys.token import Token, TokenSession, tries
from keys.token_uri import parse
from tests import softhsm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.provider import KekProvider
    from keys.realm import Realm


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a token, its PIN and a first KEK."""
    monkeypatch.setenv("SOFTHSM2_CONF", str(softhsm.make(tmp_path)))
    (tmp_path / "pin").write_text(softhsm.PIN)
    opened(tmp_path).create()
    return tmp_path


def opened(folder: Path, uri: str = softhsm.URI) -> KekProvider:
    """Open the provider anew."""
    return open_provider(uri, base=folder)


def token(folder: Path) -> Token:
    """Open the token anew."""
    return Token(parse(softhsm.URI, folder))


@contextlib.contextmanager
def inside() -> Iterator[pkcs11.Session]:
    """Log into the token past our own code."""
    module = pkcs11.lib(softhsm.MODULE)
    try:
        with module.get_token(token_label=softhsm.LABEL).open(rw=True, user_pin=softhsm.PIN) as session:
            yield session
    finally:
        module.finalize()


def held() -> int:
    """Count the keys in the token."""
    with inside() as session:
        return len(list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})))


@pytest.mark.usefixtures("place")
def test_the_key_does_not_leave_the_token() -> None:
    """The token made the key, lets nobody read or wrap it, and it does nothing but seal and open."""
    with inside() as session:
        (key,) = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
        assert (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE], key[Attribute.LOCAL]) == (
            True,
            False,
            True,
        )
        assert (key[Attribute.VALUE_LEN], key[Attribute.WRAP], key[Attribute.UNWRAP]) == (32, False, False)
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]


def test_a_renewal_makes_a_key_and_retiring_destroys_one(place: Path) -> None:
    """Each KEK has a key of its own in the token, and the old one goes with its KEK."""
    provider = opened(place)
    before = token_file.decode((place / "kek.json").read_bytes())
    new = provider.renew()
    assert held() == 2
    provider.retire(new.id)
    assert held() == 1
    (after,) = token_file.decode((place / "kek.json").read_bytes())
    assert after.key_id not in {kek.key_id for kek in before}


def test_a_crash_while_retiring_leaves_a_box_that_nothing_opens(place: Path) -> None:
    """With the old key destroyed and the file not yet written, the new KEK opens and the next renewal clears up."""
    provider = opened(place)
    new = provider.renew()
    with pytest.MonkeyPatch.context() as killing:
        killing.setattr(RingFile, "write", lambda *_: sys.exit(137))
        with pytest.raises(SystemExit):
            provider.retire(new.id)
    assert held() == 1
    assert [kek.id for kek in opened(place).unlock()] == [new.id]
    opened(place).renew()
    assert len(token_file.decode((place / "kek.json").read_bytes())) == 2


def test_a_renewal_that_failed_leaves_no_key_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be written the token's new key goes again, and the present KEK opens."""
    before = (place / "kek.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "no space left", "kek.json")

    monkeypatch.setattr(RingFile, "write", full)
    with pytest.raises(OSError, match="no space"):
        opened(place).renew()
    assert held() == 1
    assert (place / "kek.json").read_bytes() == before
    assert len(opened(place).unlock()) == 1


def test_wrong_pins_are_counted(place: Path) -> None:
    """A refusal says what the token says of the tries that are left, and a right PIN ends the count."""
    (place / "pin").write_text("keliru-sama-sekali")
    for _ in range(2):
        with pytest.raises(TokenPinError, match="counts wrong ones") as refused:
            opened(place).unlock()
        assert "keliru" not in str(refused.value)
    (place / "pin").write_text(softhsm.PIN + "\n")
    assert len(opened(place).unlock()) == 1


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_COUNT_LOW, "is locked"),
        (TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_COUNT_LOW, "one try is left"),
        (TokenFlag.USER_PIN_COUNT_LOW, "counts wrong ones"),
        (TokenFlag.TOKEN_INITIALIZED, "does not say"),
    ],
)
def test_what_a_token_tells_of_tries(flags: TokenFlag, told: str) -> None:
    """The flags of the standard are told in words, the gravest first."""
    assert told in tries(flags)


@pytest.mark.parametrize("flag", [TokenFlag.USER_PIN_LOCKED, TokenFlag.USER_PIN_FINAL_TRY])
def test_the_last_try_is_not_spent_by_a_program(place: Path, flag: TokenFlag) -> None:
    """Where a wrong PIN would lock the token none is tried, so that a service that restarts does not lock it."""
    with inside() as session:
        flags = session.token.flags
    (stored,) = (place / "tokens").glob("*/token.object")
    before = stored.read_bytes()
    assert before.count(int(flags).to_bytes(8, "big")) == 1  # SoftHSM2 keeps the flags as they are told
    stored.write_bytes(before.replace(int(flags).to_bytes(8, "big"), int(flags | flag).to_bytes(8, "big")))
    with pytest.raises(TokenPinLockedError, match="nothing was tried"):
        opened(place).unlock()
    stored.write_bytes(before)
    assert len(opened(place).unlock()) == 1


def test_a_pin_that_is_not_there(place: Path) -> None:
    """An empty, missing or unreadable PIN is told before the token is asked."""
    for data in (b"", b"\n", b"\xff\xfe", None):
        (place / "pin").unlink(missing_ok=True)
        if data is not None:
            (place / "pin").write_bytes(data)
        with pytest.raises(TokenPinError):
            opened(place).unlock()


def test_a_person_is_asked_once(place: Path) -> None:
    """Without a pin-source the PIN is asked for, once for all steps of a command."""
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return softhsm.PIN

    provider = open_provider(softhsm.URI.replace("&pin-source=pin", ""), base=place, prompt=prompt)
    provider.unlock()
    provider.retire(provider.renew().id)
    assert asked == ["PIN of the token padan: "]


def gone(folder: Path) -> None:
    """Take the folder of tokens away."""
    (folder / "tokens").rename(folder / "taken")


def emptied(folder: Path) -> None:
    """Leave the slot without a token."""
    gone(folder)
    (folder / "tokens").mkdir()


def keyless(folder: Path) -> None:
    """Destroy the token's keys."""
    del folder
    with inside() as session:
        for key in session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}):
            key.destroy()


def twice(folder: Path) -> None:
    """Put a second token of the same label beside the first."""
    softhsm.make(folder)


def fileless(folder: Path) -> None:
    """Lose the KEK's file."""
    (folder / "kek.json").unlink()


def edited(folder: Path) -> None:
    """Change the sealed KEK and put the sum right."""
    content = document.decode((folder / "kek.json").read_bytes())
    content["kek"][0]["nonce"] = "AAAAAAAAAAAAAAAA"
    (folder / "kek.json").write_bytes(document.encode(content))


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (gone, TokenStoreError, "does not start"),
        (emptied, TokenMissingError, "no slot"),
        (keyless, TokenKeyError, "none of the keys"),
        (twice, TokenMissingError, "say serial="),
        (fileless, TokenFileError, "no KEK file"),
        (edited, TokenFileError, "was changed"),
    ],
)
def test_each_way_to_be_away_is_its_own_error(
    place: Path, change: object, kind: type[CustodianError], told: str
) -> None:
    """A token that was taken, emptied, doubled or lost its key, and a file that was lost or edited, are told apart."""
    assert callable(change)
    change(place)
    with pytest.raises(kind, match=told):
        opened(place).unlock()


@pytest.mark.parametrize("name", ["none.so", "pin"])
def test_a_module_that_is_none(place: Path, name: str) -> None:
    """A missing module, and a file that is no module, are told with their path."""
    with pytest.raises(TokenModuleError, match=name):
        opened(place, softhsm.URI.replace(softhsm.MODULE, str(place / name))).unlock()


def test_a_token_is_told_apart_by_its_serial_number(place: Path) -> None:
    """Where two tokens have one label the serial number picks one."""
    with inside() as session:
        serial = session.token.serial.decode().strip()
    softhsm.make(place)
    named = softhsm.URI.replace(";object", f";serial={serial};object")
    assert len(opened(place, named).unlock()) == 1
    with pytest.raises(TokenMissingError):
        opened(place, softhsm.URI.replace(";object", ";serial=0;object")).unlock()


def test_a_session_that_is_closed_in_the_middle(place: Path) -> None:
    """A session that somebody closes while it is used is told as that, and the next use is sound again."""
    closing = ctypes.CDLL(softhsm.MODULE)
    with token(place).session(softhsm.PIN, write=True) as session:
        closing.C_CloseAllSessions(ctypes.c_ulong(session._session.token.slot.slot_id))
        with pytest.raises(TokenSessionError, match="went away"):
            session.make(bytes(16))
    assert len(opened(place).unlock()) == 1


def test_a_session_that_may_not_write(place: Path) -> None:
    """A token that lets no key be made is unfit, and says why."""
    with (
        token(place).session(softhsm.PIN) as session,
        pytest.raises(TokenUnfitError, match="SessionReadOnly"),
    ):
        session.make(bytes(16))


def test_a_key_that_could_leave_is_refused(place: Path) -> None:
    """Somebody else's key under our label is not used, for it may have left already."""
    with inside() as session:
        session.generate_key(
            KeyType.AES,
            256,
            label=softhsm.OBJECT,
            id=b"x" * 16,
            store=True,
            template={Attribute.EXTRACTABLE: True},
        )
    with token(place).session(softhsm.PIN) as ours, pytest.raises(TokenKeyError, match="could leave"):
        ours.seal(b"x" * 16, bytes(12), bytes(32), b"")


def test_what_serves_needs_no_token(place: Path, realm: Realm) -> None:
    """With every session closed and the token taken away unlocked keys go on; unlocking anew says what is away."""
    path = place / "keyring.json"
    Custody(
        path=path,
        provider=opened(place.parent / place.name, softhsm.URI.replace("kek.json", "own.json")),
        actor="t",
    ).create(realm)
    own = softhsm.URI.replace("kek.json", "own.json")
    agent = LocalKeyAgent.unlock(path, opened(place, own))
    bound = agent.mac(Purpose.INDEX).bind(b"")
    before = bound.mac(b"x")
    gone(place)
    assert agent.mac(Purpose.INDEX).bind(b"").mac(b"x") == before
    with pytest.raises(TokenStoreError):
        LocalKeyAgent.unlock(path, opened(place, own))
    (place / "taken").rename(place / "tokens")
    assert LocalKeyAgent.unlock(path, opened(place, own)).mac(Purpose.INDEX).bind(b"").mac(b"x") == before


def test_a_forked_process_unlocks_for_itself(place: Path) -> None:
    """Neither a lock nor the module's state crosses a fork, even of a process that holds a session."""
    (kek,) = opened(place).unlock()
    with token(place).session(softhsm.PIN):
        child = os.fork()
        if child == 0:
            os._exit(0 if [each.id for each in opened(place).unlock()] == [kek.id] else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert len(opened(place).unlock()) == 1


def test_a_started_process_and_threads_unlock(place: Path) -> None:
    """A process that was started anew, and threads at once, have what this one has."""
    (kek,) = opened(place).unlock()
    code = "import sys; from keys.provider import open_provider; print(open_provider(sys.argv[1]).unlock()[0].id)"
    started = subprocess.run(
        [sys.executable, "-c", code, softhsm.URI], cwd=place, capture_output=True, text=True, check=True
    )
    assert started.stdout.strip() == kek.id
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(opened(place).unlock()[0].id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [kek.id] * 4


def test_without_the_library_it_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra says which package is missing."""
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    for name in ("keys.token", "keys.token_provider"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(TokenSupportError, match="python-pkcs11"):
        opened(place)


def test_a_damaged_file_is_told(place: Path) -> None:
    """A bit that flipped anywhere, another format, another shape, and a KEK under another's name are refused."""
    path = place / "kek.json"
    data = path.read_bytes()
    for place_of_bit in range(0, 8 * len(data), 7):
        flipped = bytearray(data)
        flipped[place_of_bit // 8] ^= 1 << place_of_bit % 8
        with pytest.raises(TokenFileError, match="damaged"):
            token_file.decode(bytes(flipped))
    content = document.decode(data)
    changes: tuple[dict[str, Any], ...] = (
        {"format": 2},
        {"kek": []},
        {"kek": [{}]},
        {"kek": [content["kek"][0] | {"key": "00"}]},
    )
    for change in changes:
        with pytest.raises(TokenFileError):
            token_file.decode(document.encode(content | change))


def test_a_session_shows_nothing(place: Path) -> None:
    """What is logged in says neither PIN nor key."""
    with token(place).session(softhsm.PIN) as session:
        assert isinstance(session, TokenSession)
        assert softhsm.PIN not in repr(session)
    shutil.rmtree(place / "tokens")
