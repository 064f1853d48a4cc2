"""The signer's key file: mode 0600, sealed where a provider is named, and refused in any other shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from keys.errors import KeysError
from keys.provider import open_provider
from keys.signing import verify
from verifier.agreement import signkey
from verifier.agreement.errors import SigningKeyError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_written_and_read(tmp_path: Path) -> None:
    """A new key signs, and only its owner can read its file."""
    path = tmp_path / "signer.json"
    public = signkey.generate(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not signkey.is_sealed(path)
    signer = signkey.load(path)
    verify(public, b"x", signer.sign(b"x"))


def test_a_sealed_key_needs_its_provider(tmp_path: Path) -> None:
    """A sealed key's file does not hold the key, and opens with the provider that sealed it."""
    (tmp_path / "pass").write_text("a long passphrase of a signer\n")
    (tmp_path / "other").write_text("another passphrase altogether\n")
    path, uri = tmp_path / "signer.json", f"file:{tmp_path}/kek.json?passphrase-file={tmp_path}/pass"
    public = signkey.generate(path, provider=open_provider(uri))
    assert signkey.is_sealed(path)
    assert "seed" not in json.loads(path.read_text())
    assert signkey.load(path, provider=open_provider(uri)).public_key == public
    with pytest.raises(SigningKeyError, match="sealed"):
        signkey.load(path)
    with pytest.raises(KeysError):
        signkey.load(path, provider=open_provider(uri.replace("/pass", "/other")))


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    """A file that is there stays."""
    path = tmp_path / "signer.json"
    signkey.generate(path)
    before = path.read_bytes()
    with pytest.raises(SigningKeyError, match="there is a file already"):
        signkey.generate(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 1, "use": "agreement-signing"}',
        '{"format": 2, "use": "agreement-signing"}',
        "[" * 9000,
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    """A file that is no key's ends in its error and no other."""
    path = tmp_path / "signer.json"
    path.write_text(content)
    with pytest.raises(SigningKeyError):
        signkey.load(path)


def test_a_swapped_public_key_is_noticed(tmp_path: Path) -> None:
    """Private and public key must belong together."""
    signkey.generate(tmp_path / "a")
    signkey.generate(tmp_path / "b")
    content = json.loads((tmp_path / "a").read_text())
    content["public_key"] = json.loads((tmp_path / "b").read_text())["public_key"]
    (tmp_path / "a").write_text(json.dumps(content))
    with pytest.raises(SigningKeyError, match="do not belong together"):
        signkey.load(tmp_path / "a")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is named in the error."""
    with pytest.raises(SigningKeyError, match="nowhere"):
        signkey.load(tmp_path / "nowhere")
