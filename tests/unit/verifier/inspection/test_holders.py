"""What `config check` says of a keyring that only somebody else may unlock, for each provider of the KEK."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from verifier.inspection import files, keyring

if TYPE_CHECKING:
    from verifier.config import Settings

TOKEN = "pkcs11:token=t;object=o?module-path=/m.so&kek-file=/kek.json"


def with_kek(kek: str) -> Settings:
    """Name a KEK, and nothing else that is looked at."""
    settings: Any = SimpleNamespace(kek=kek)
    made: Settings = settings
    return made


@pytest.mark.parametrize(
    ("kek", "told"),
    [
        ("", ""),
        ("file:/kek.json", "asked for"),
        ("file:/kek.json?passphrase-env=PASS", ""),
        ("file:/kek.json?passphrase-file=/nowhere/pass", "missing"),
        ("file:/kek.json?passphrase-file=/run/credentials/x.service/pass", "to the unit alone"),
        ("credential:kek", "lends its KEK to the unit alone"),
        (TOKEN, "asked for"),
        (f"{TOKEN}&pin-source=/nowhere/pin", "missing"),
        (f"{TOKEN}&pin-source=file:/run/credentials/x.service/pin", "to the unit alone"),
        (f"{TOKEN}&pin-source=/etc/hostname", ""),
    ],
)
def test_why_a_keyring_stays_shut(monkeypatch: pytest.MonkeyPatch, kek: str, told: str) -> None:
    """Where nobody may be asked the check does not unlock, and says why; where it may it does."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    said = keyring._not_unlocked(with_kek(kek))
    assert told in said
    assert bool(told) == bool(said)


def test_the_files_of_each_provider_are_looked_at() -> None:
    """Whatever a URI names as a file, modes and presence are checked of it."""
    settings = with_kek(f"{TOKEN}&pin-source=file:///run/pin")
    assert (files.kek_file(settings), files.passphrase_file(settings)) == (
        Path("/kek.json"),
        Path("/run/pin"),
    )
    settings = with_kek("file:/kek.json?passphrase-file=/pass")
    assert (files.kek_file(settings), files.passphrase_file(settings)) == (Path("/kek.json"), Path("/pass"))
    settings = with_kek("credential:kek")
    assert (files.kek_file(settings), files.passphrase_file(settings)) == (None, None)
