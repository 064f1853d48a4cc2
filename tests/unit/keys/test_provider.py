"""KEK providers by URI."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from keys.errors import PassphraseError, ProviderError
from keys.file_provider import FileKekProvider
from keys.provider import ask, open_provider

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "kek.json",
        "pkcs12:x",
        "file:",
        "file://host/kek.json",
        "file:kek.json#part",
        "file:kek.json?passphrase=secret",
        "file:kek.json?passphrase-file=a&passphrase-env=B",
        "file:kek.json?passphrase-file=a&passphrase-file=b",
        "file:kek.json?passphrase-file",
    ],
)
def test_a_uri_that_names_no_provider_is_refused(uri: str) -> None:
    """Unknown schemes and parameters are refused, a passphrase in the URI above all."""
    with pytest.raises(ProviderError) as refused:
        open_provider(uri)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("uri", ["file:kek.json", "file:./kek.json", "file:kek%2Ejson"])
def test_relative_paths_start_from_the_base(tmp_path: Path, uri: str) -> None:
    """A relative path means the folder that the caller names; an absolute one is itself."""
    provider = open_provider(uri, base=tmp_path)
    assert repr(provider) == f"<FileKekProvider {tmp_path / 'kek.json'}>"
    assert repr(open_provider(f"file:{tmp_path}/kek.json")) == repr(provider)
    assert repr(open_provider(f"file://{tmp_path}/kek.json")) == repr(provider)


def test_the_file_provider_is_single_custody() -> None:
    """One passphrase is one person, and the provider says so."""
    provider = open_provider("file:kek.json?passphrase-env=X")
    assert isinstance(provider, FileKekProvider)
    assert provider.single_custodian
    assert provider.uri == "file:kek.json?passphrase-env=X"


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without a terminal fails at once instead of waiting for an answer."""
    monkeypatch.setattr("sys.stdin", io.StringIO("typed"))
    with pytest.raises(PassphraseError, match="no terminal"):
        ask("Passphrase: ")
