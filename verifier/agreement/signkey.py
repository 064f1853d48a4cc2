"""The private key of a person who signs agreements or feeds, or decides as an officer or custodian, as a file.

Format 1 is JSON: `format`, `use` ("agreement-signing", "officer", "custodian", "feed" or "dispute"), `public_key`
(base64), and either `seed` (base64, where no provider was named) or `kek` (the KEK's id) with `wrapped` (base64). The
file has mode 0600. It belongs on the machine of the person whose key it is, not on the server, which needs the public
key only.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from keys.realm import Realm
from keys.signing import SEED_SIZE, Signer, public_of
from padan.sealing import Recipient
from verifier.agreement.errors import SigningKeyError
from verifier.secret_file import write_secret

if TYPE_CHECKING:
    from pathlib import Path

    from keys.provider import KekProvider

FORMAT: Final = 1
USE: Final = "agreement-signing"
OFFICER: Final = "officer"
CUSTODIAN: Final = "custodian"
FEED: Final = "feed"
DISPUTE: Final = "dispute"
"""A key that does not sign: X25519, to which agencies seal."""
MAX_FILE: Final = 16_384
_PLACE: Final = Realm(registry_id="signer", environment="any")
"""A signing key belongs to a person, not to a registry; the label of what is signed names the registry."""


def generate(path: Path, *, provider: KekProvider | None = None, use: str = USE) -> bytes:
    """Make a key and its file, and return the public key, 32 bytes.

    Args:
        path: the new file.
        provider: makes a KEK that wraps the key; None leaves the key unsealed.
        use: what the key is for.

    Raises:
        SigningKeyError: the file is there already, or cannot be written.
        KeysError: the provider refuses.
    """
    if path.exists():
        raise SigningKeyError(f"{path}: there is a file already")
    seed = secrets.token_bytes(SEED_SIZE)
    public = _public_of(use, seed)
    content: dict[str, object] = {"format": FORMAT, "use": use, "public_key": text(public)}
    if provider is None:
        content["seed"] = text(seed)
    else:
        kek = provider.create()
        content["kek"] = kek.id
        content["wrapped"] = text(kek.wrap(seed, realm=_PLACE, purpose=use, key_id=1))
    try:
        write_secret(path, json.dumps(content, indent=1).encode() + b"\n")
    except OSError as error:
        raise SigningKeyError(f"{path}: cannot be written ({error.strerror})") from error
    return public


def is_sealed(path: Path) -> bool:
    """Say whether a key's file needs a provider to be opened.

    Raises:
        SigningKeyError: the file is missing or malformed.
    """
    return "wrapped" in _content(path, USE)


def load(path: Path, *, provider: KekProvider | None = None, use: str = USE) -> Signer:
    """Read a key, which must be for this use.

    Raises:
        SigningKeyError: missing, malformed, or sealed and no provider was given.
        KeysError: the provider refuses, or another KEK sealed it.
    """
    return Signer(_seed(path, provider=provider, use=use))


def load_recipient(path: Path, *, provider: KekProvider | None = None) -> Recipient:
    """Read the key that opens disputes; raises as `load` does."""
    return Recipient(_seed(path, provider=provider, use=DISPUTE))


def _public_of(use: str, seed: bytes | bytearray) -> bytes:
    return Recipient(seed).public_key if use == DISPUTE else public_of(seed)


def _seed(path: Path, *, provider: KekProvider | None, use: str) -> bytearray:
    content = _content(path, use)
    try:
        if "wrapped" not in content:
            seed = bytearray(base64.b64decode(content["seed"], validate=True))
        else:
            if provider is None:
                raise SigningKeyError(f"{path}: sealed; name its provider with --kek")
            kek = next((kek for kek in provider.unlock() if kek.id == content["kek"]), None)
            if kek is None:
                raise SigningKeyError(f"{path}: sealed under another key-encryption key")
            wrapped = base64.b64decode(content["wrapped"], validate=True)
            seed = bytearray(bytes(kek.unwrap(wrapped, realm=_PLACE, purpose=use, key_id=1).view()))
        public = _public_of(use, seed) if len(seed) == SEED_SIZE else None
    except (KeyError, ValueError, TypeError) as error:
        raise SigningKeyError(f"{path}: not a signing key's file") from error
    if public is None or text(public) != content.get("public_key"):
        raise SigningKeyError(f"{path}: its private and public key do not belong together")
    return seed


def _content(path: Path, use: str) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        content = json.loads(data) if len(data) <= MAX_FILE else None
    except OSError as error:
        raise SigningKeyError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise SigningKeyError(f"{path}: not a signing key's file") from error
    if not isinstance(content, dict) or content.get("use") != use or content.get("format") != FORMAT:
        raise SigningKeyError(f"{path}: not the file of a key for {use}, of format {FORMAT}")
    return content


def text(data: bytes) -> str:
    """Write bytes as base64, as a key stands in its file and in agreement_signers."""
    return base64.b64encode(data).decode()
