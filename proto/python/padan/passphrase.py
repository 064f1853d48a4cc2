"""What a person keeps under a passphrase: AES-256-GCM under a key by Argon2id (RFC 9106, second option).

Parameters that a file names are held to a range: weaker ones are refused, and so is what no machine should run. Assumes
`cryptography`, which the extra `audit` brings.
"""

from __future__ import annotations

import base64
import os
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from padan.errors import ConfigError

SHORTEST: Final = 12
"""Characters; Argon2id slows guessing, it does not make a short passphrase long."""
NAME: Final = "argon2id"
PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 4
_MOST: Final = (64, 8 * 1024 * 1024, 64)
_SALT_SIZE: Final = 16
_NONCE_SIZE: Final = 12


def seal(plaintext: bytes | bytearray, passphrase: str, *, label: bytes) -> dict[str, Any]:
    """Seal bytes under a passphrase.

    Args:
        plaintext: what is kept.
        passphrase: at least 12 characters.
        label: what the box belongs to; it opens under no other.

    Returns:
        `kdf` and `box`, members of a JSON file.

    Raises:
        ConfigError: the passphrase is too short.
    """
    if len(passphrase) < SHORTEST:
        raise ConfigError(f"a passphrase has at least {SHORTEST} characters", reason="passphrase")
    salt, nonce = os.urandom(_SALT_SIZE), os.urandom(_NONCE_SIZE)
    key = _derive(passphrase, salt, PASSES, MEMORY_KIB, LANES)
    kdf = {
        "name": NAME,
        "passes": PASSES,
        "memory_kib": MEMORY_KIB,
        "lanes": LANES,
        "salt": base64.b64encode(salt).decode(),
    }
    return {
        "kdf": kdf,
        "box": base64.b64encode(nonce + AESGCM(key).encrypt(nonce, bytes(plaintext), label)).decode(),
    }


def unseal(content: dict[str, Any], passphrase: str, *, label: bytes) -> bytearray:
    """Open what `seal` made; arguments as there.

    Returns:
        What was kept, in a buffer that the caller wipes.

    Raises:
        ConfigError: malformed, of parameters out of range, or another passphrase or label.
    """
    try:
        kdf, box = content["kdf"], base64.b64decode(content["box"], validate=True)
        salt = base64.b64decode(kdf["salt"], validate=True)
        found = int(kdf["passes"]), int(kdf["memory_kib"]), int(kdf["lanes"])
        known = kdf["name"] == NAME and len(salt) >= _SALT_SIZE and len(box) > _NONCE_SIZE
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("the file does not have the shape of its format", reason="format") from error
    in_range = all(
        low <= one <= high for low, one, high in zip((PASSES, MEMORY_KIB, LANES), found, _MOST, strict=True)
    )
    if not known or not in_range:
        raise ConfigError("the file's Argon2id parameters are out of range", reason="parameters")
    try:
        key = _derive(passphrase, salt, *found)
        return bytearray(AESGCM(key).decrypt(box[:_NONCE_SIZE], box[_NONCE_SIZE:], label))
    except InvalidTag:
        raise ConfigError(
            "the passphrase does not open the file, or the file was changed",
            reason="passphrase",
            next_step="enter the passphrase that the file was made under, or put the file back from its copy",
        ) from None


def _derive(passphrase: str, salt: bytes, passes: int, memory_kib: int, lanes: int) -> bytes:
    derivation = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib)
    return derivation.derive(passphrase.encode())
