"""KEKs in a file under a passphrase. Argon2id runs with its real parameters, so few tests run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from keys import document, file_provider
from keys.errors import (
    KekFileError,
    KeyringExistsError,
    PassphraseError,
    WeakParametersError,
)
from keys.file_provider import RFC9106_FIRST, RFC9106_SECOND, Argon2Parameters, check_parameters
from keys.kek import Kek
from keys.provider import open_provider
from tests.unit.keys.conftest import PASSPHRASE, VECTORS

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = VECTORS / "keyring"
URI = "file:kek.json?passphrase-file=passphrase"


def changed(folder: Path, change: dict[str, Any]) -> None:
    """Change a KEK file's parameters and put its checksum right."""
    path = folder / "kek.json"
    content = document.decode(path.read_bytes())
    content["kdf"] |= change
    path.write_bytes(document.encode(content))


def test_the_golden_file_opens() -> None:
    """A KEK file made apart from the package opens with its passphrase."""
    expected = json.loads((GOLDEN / "expected.json").read_text())["kek"]
    (kek,) = open_provider(URI, base=GOLDEN).unlock()
    assert bytes(kek.reveal()).hex() == expected


def test_a_renewal_keeps_both_and_retiring_keeps_one(own_keyring: Path) -> None:
    """While a renewal is under way both KEKs open; then only the one that is kept."""
    provider = open_provider(URI, base=own_keyring)
    (old,) = provider.unlock()
    new = provider.renew()
    assert [kek.id for kek in open_provider(URI, base=own_keyring).unlock()] == [old.id, new.id]
    provider.retire(new.id)
    provider.retire(new.id)
    assert [kek.id for kek in provider.unlock()] == [new.id]
    with pytest.raises(KekFileError, match="does not hold"):
        provider.retire(old.id)
    path = own_keyring / "kek.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(own_keyring.glob("kek.json.bak"))


def test_a_wrong_passphrase_is_told_apart_from_damage(
    own_keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passphrase that does not open an intact file is a wrong passphrase, and is not repeated in the message."""
    monkeypatch.setenv("PADAN_TEST_PASSPHRASE", "a wrong passphrase")
    with pytest.raises(PassphraseError, match="does not open") as refused:
        open_provider("file:kek.json?passphrase-env=PADAN_TEST_PASSPHRASE", base=own_keyring).unlock()
    assert "wrong" not in str(refused.value)


def test_a_person_is_asked_twice_for_a_new_passphrase(tmp_path: Path) -> None:
    """A new passphrase is typed twice, and one with an umlaut opens what it closed."""
    told: list[str] = []

    def prompt(question: str) -> str:
        told.append(question)
        return "zwölf Boxkämpfer"

    kek = open_provider("file:kek.json", base=tmp_path, prompt=prompt).create()
    assert told == ["Passphrase: ", "Once more: "]
    (again,) = open_provider("file:kek.json", base=tmp_path, prompt=prompt).unlock()
    assert again.id == kek.id


def test_two_passphrases_that_differ_make_nothing(tmp_path: Path) -> None:
    """A typing error does not lock the keyring for good."""
    answers = iter(["correct horse battery", "correct horse batterz"])
    with pytest.raises(PassphraseError, match="differ"):
        open_provider("file:kek.json", base=tmp_path, prompt=lambda _: next(answers)).create()
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_not_overwritten(own_keyring: Path) -> None:
    """A KEK is never replaced by a new one of the same name."""
    before = (own_keyring / "kek.json").read_bytes()
    with pytest.raises(KeyringExistsError):
        open_provider(URI, base=own_keyring).create()
    assert (own_keyring / "kek.json").read_bytes() == before


@pytest.mark.parametrize(
    ("write", "uri", "cause"),
    [
        (b"short\n", URI, "at least 12"),
        (b"\xff\xfe not text at all\n", URI, "UTF-8"),
        (None, URI, "cannot be read"),
        (None, "file:kek.json?passphrase-env=PADAN_TEST_NOT_SET", "no PADAN_TEST_NOT_SET"),
    ],
)
def test_an_unusable_passphrase_is_told(tmp_path: Path, write: bytes | None, uri: str, cause: str) -> None:
    """Too short, unreadable or missing passphrases say which they are."""
    if write is not None:
        (tmp_path / "passphrase").write_bytes(write)
    with pytest.raises(PassphraseError, match=cause):
        open_provider(uri, base=tmp_path).create()


@pytest.mark.parametrize(
    "weak",
    [{"time": 2}, {"memoryKib": 65_535}, {"lanes": 3}, {"time": 1, "memoryKib": 2**20}, {"time": 0}],
)
def test_weaker_parameters_are_refused_on_reading(own_keyring: Path, weak: dict[str, int]) -> None:
    """Nobody weakens the KEK file behind our back, and Argon2id is not even run."""
    changed(own_keyring, weak)
    with pytest.raises(WeakParametersError, match="weaker"):
        open_provider(URI, base=own_keyring).unlock()


@pytest.mark.parametrize("huge", [{"time": 65}, {"memoryKib": 2**23 + 1}, {"lanes": 65}])
def test_parameters_that_would_hang_the_machine_are_refused(own_keyring: Path, huge: dict[str, int]) -> None:
    """A KEK file is no way to exhaust a host."""
    changed(own_keyring, huge)
    with pytest.raises(WeakParametersError, match="exceed"):
        open_provider(URI, base=own_keyring).unlock()


def test_both_options_of_the_standard_pass_and_stronger_ones_too() -> None:
    """RFC 9106's first and second options are accepted, and whatever exceeds one of them."""
    for parameters in (
        RFC9106_FIRST,
        RFC9106_SECOND,
        Argon2Parameters(time=4, memory_kib=2**17, lanes=8),
    ):
        check_parameters(parameters)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "argon2i"},
        {"version": 16},
        {"salt": "AAAAAAAAAAAAAAAAAAAA"},
        {"salt": "?"},
        {"time": "3"},
        {"lanes": None},
    ],
)
def test_another_function_or_shape_is_refused(own_keyring: Path, change: dict[str, Any]) -> None:
    """Only Argon2id of version 19 with a salt of 16 bytes is known."""
    changed(own_keyring, change)
    with pytest.raises(KekFileError):
        open_provider(URI, base=own_keyring).unlock()


def test_a_flipped_bit_or_a_cut_anywhere_is_damage(own_keyring: Path) -> None:
    """Damage is told from a wrong passphrase before Argon2id runs."""
    path = own_keyring / "kek.json"
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(KekFileError):
            file_provider._decode(bytes(flipped))
    for size in range(len(data)):
        with pytest.raises(KekFileError):
            file_provider._decode(data[:size])
    path.write_bytes(data[:-1])
    with pytest.raises(KekFileError, match="damaged"):
        open_provider(URI, base=own_keyring).unlock()


def test_a_newer_format_and_a_missing_file_are_told(own_keyring: Path) -> None:
    """Format 2 asks for a newer release; no file is no KEK."""
    path = own_keyring / "kek.json"
    path.write_bytes(document.encode(document.decode(path.read_bytes()) | {"format": 2}))
    with pytest.raises(KekFileError, match="newer release"):
        open_provider(URI, base=own_keyring).unlock()
    path.unlink()
    with pytest.raises(KekFileError, match="no KEK file"):
        open_provider(URI, base=own_keyring).unlock()


def test_neither_passphrase_nor_kek_stands_in_the_file(own_keyring: Path) -> None:
    """The file holds neither secret in any of the usual spellings."""
    (kek,) = open_provider(URI, base=own_keyring).unlock()
    text = (own_keyring / "kek.json").read_text()
    assert PASSPHRASE not in text
    assert bytes(kek.reveal()).hex() not in text
    assert isinstance(kek, Kek)
