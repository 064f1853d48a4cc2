"""KEKs that systemd lends, in a folder filled as it fills one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.errors import (
    CredentialError,
    CredentialFolderError,
    CredentialFormatError,
    CredentialLeftError,
    CredentialMissingError,
    CredentialModeError,
    CredentialReadOnlyError,
    ProviderError,
)
from keys.kek import Kek
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.ringfile import RingFile

if TYPE_CHECKING:
    from pathlib import Path

    from keys.realm import Realm

KEY = bytes(range(32))


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of credentials with one KEK."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    put(folder / "kek", KEY)
    return folder


def put(path: Path, data: bytes) -> None:
    """Write a credential with the mode that systemd gives it where it lends by an access list."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(0o440)


@pytest.mark.parametrize(
    "data", [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n"], ids=["raw", "hex", "line"]
)
def test_the_forms_of_a_kek(lent: Path, data: bytes) -> None:
    """32 bytes, or their digits with or without a line feed, are one KEK."""
    put(lent / "kek", data)
    assert [kek.id for kek in open_provider("credential:kek").unlock()] == [Kek(KEY).id]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        KEY[:31],
        KEY + b"\n",
        KEY.hex().encode()[:32],
        KEY.hex().encode()[:63],
        KEY.hex().encode() + b"\n\n",
        KEY.hex().encode() + b"00",
        b"x" * 64,
        bytes(32),
        b"00" * 32,
    ],
    ids=["empty", "31", "33", "half-hex", "63", "two-lines", "66", "letters", "zeros", "zeros-hex"],
)
def test_what_is_no_kek_is_refused(lent: Path, data: bytes) -> None:
    """Another length, half a KEK in digits, or one byte over and over is told, and not repeated."""
    put(lent / "kek", data)
    with pytest.raises(CredentialFormatError) as refused:
        open_provider("credential:kek").unlock()
    assert len(data) < 31 or data[:31].decode("latin-1") not in str(refused.value)


def test_a_process_that_is_lent_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without systemd's folder, or with one that is gone, no credential is looked for."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(CredentialFolderError, match="not set"):
        open_provider("credential:kek").unlock()
    for folder in (tmp_path / "none", "credentials"):
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        with pytest.raises(CredentialFolderError, match="no folder"):
            open_provider("credential:kek").unlock()


def test_a_credential_of_another_name(lent: Path) -> None:
    """A name that is not lent is missing, and what is lent is not named."""
    assert lent.is_dir()
    with pytest.raises(CredentialMissingError, match="no credential other"):
        open_provider("credential:other").unlock()


@pytest.mark.parametrize("mode", [0o444, 0o404, 0o460, 0o602])
def test_a_credential_that_is_open_to_others(lent: Path, mode: int) -> None:
    """What others may read or change is no secret."""
    (lent / "kek").chmod(mode)
    with pytest.raises(CredentialModeError, match="others may open"):
        open_provider("credential:kek").unlock()


def test_a_credential_that_is_no_file(lent: Path) -> None:
    """A folder in the place of a credential is refused."""
    (lent / "kek").unlink()
    (lent / "kek").mkdir()
    with pytest.raises(CredentialModeError, match="cannot be read"):
        open_provider("credential:kek").unlock()


@pytest.mark.parametrize(
    "uri", ["credential:", "credential:../kek", "credential:a/b", "credential:kek?x=y", "credential:."]
)
def test_a_name_is_no_path(uri: str) -> None:
    """A name stays in the folder, and takes no parameters."""
    with pytest.raises(ProviderError):
        open_provider(uri)


def test_a_renewal_needs_the_next_one(lent: Path) -> None:
    """Nothing is made up: without NAME-next a renewal is refused, and with the same KEK twice too."""
    provider = open_provider("credential:kek")
    with pytest.raises(CredentialReadOnlyError, match="no kek-next"):
        provider.renew()
    put(lent / "kek-next", KEY)
    with pytest.raises(CredentialFormatError, match="the same"):
        provider.renew()


def test_a_new_keyring_begins_with_one(lent: Path) -> None:
    """With two KEKs lent nobody knows which is meant."""
    put(lent / "kek-next", bytes(reversed(KEY)))
    with pytest.raises(CredentialLeftError, match="begins with one"):
        open_provider("credential:kek").create()


def test_destroying_is_done_when_the_old_kek_is_gone(lent: Path, tmp_path: Path, realm: Realm) -> None:
    """The keyring goes to the next KEK, and until the operator has ended the renewal every change says so."""
    provider = open_provider("credential:kek")
    custody = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tester")
    custody.create(realm)
    _, key_id = custody.add(Purpose.BIOMETRIC)
    put(lent / "kek-next", bytes(reversed(KEY)))
    with pytest.raises(CredentialLeftError, match="written under kek-next"):
        custody.destroy(Purpose.BIOMETRIC, key_id)
    assert custody.read().key(Purpose.BIOMETRIC, key_id).wrapped == b""
    assert custody.read().kek_id == Kek(bytes(reversed(KEY))).id
    backup = RingFile(tmp_path / "keyring.json").backup
    assert backup.read_bytes() == (tmp_path / "keyring.json").read_bytes()  # the old KEK opens none of it
    with pytest.raises(CredentialLeftError):
        custody.add(Purpose.BIOMETRIC)
    (lent / "kek-next").replace(lent / "kek")
    assert custody.check()[2] == ()
    custody.add(Purpose.BIOMETRIC)


def test_all_of_it_is_one_family() -> None:
    """Whoever handles one error of credentials handles each."""
    assert {CredentialFolderError, CredentialMissingError, CredentialModeError, CredentialFormatError} <= set(
        CredentialError.__subclasses__()
    )
