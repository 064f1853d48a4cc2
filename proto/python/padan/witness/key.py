"""The witness's key: an Ed25519 key with a name, in a file of one line that its owner alone may read.

The line is `PRIVATE+KEY+NAME+ID+BASE64`, as Go's golang.org/x/mod/sumdb/note writes signers: type byte 0x04 and the
seed of 32 bytes. There is no passphrase: a witness starts without a person, so a passphrase would lie beside the key.
Where a disk may be read by others, systemd keeps the file sealed to the machine and hands it over at the start
(LoadCredentialEncrypted=, docs/witness.md).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from padan import csr
from padan.errors import ConfigError, LogFormatError
from padan.tlog import note
from padan.tlog.note import Algorithm, VerifierKey

if TYPE_CHECKING:
    from pathlib import Path

    from padan.tlog.note import Line

_PREFIX: Final = "PRIVATE+KEY+"
_SEED_SIZE: Final = 32
_MAX_FILE: Final = 4_096


class WitnessKey:
    """Cosigns under one name; shows nothing of the private key."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """Take a key.

        Raises:
            LogFormatError: no note can name it so.
        """
        self.public = VerifierKey(name, Algorithm.COSIGNATURE, private.public_key().public_bytes_raw())
        self._private = private

    def __repr__(self) -> str:
        return f"WitnessKey({self.public.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")

    def cosign(self, text: str, time: int) -> Line:
        """Sign a checkpoint's text.

        Args:
            text: with its last newline.
            time: seconds of the Unix epoch.
        """
        return note.cosign(text, self.public, self._private.sign, time)


def create(path: Path, name: str) -> VerifierKey:
    """Make a key in a new file of mode 0600, and give its public half.

    Raises:
        ConfigError: the name cannot be used, the file is there already, or cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    try:
        public = WitnessKey(name, private).public
    except LogFormatError as error:
        raise ConfigError(
            f"the name {name!r} cannot be used: {error}", next_step="name it as witness.example.org/w1"
        ) from None
    encoded = base64.b64encode(bytes([public.algorithm]) + private.private_bytes_raw()).decode()
    csr.write_new(path, f"{_PREFIX}{name}+{public.id:08x}+{encoded}\n".encode(), mode=0o600)
    return public


def load(path: Path) -> WitnessKey:
    """Read a key.

    Raises:
        ConfigError: there is none, others may read it, or it is not a witness's key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE)
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", next_step="make one: padan-audit witness init"
        ) from None
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the key", next_step=f"chmod 600 {path}")
    try:
        return _parse(data.decode("utf-8").removesuffix("\n"))
    except (LogFormatError, ValueError):
        raise ConfigError(
            f"{path}: not a witness's key", next_step="put the right file back; a new key is a new witness"
        ) from None


def _parse(line: str) -> WitnessKey:
    name, number, encoded = line.removeprefix(_PREFIX).split("+", 2)
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise LogFormatError("not base64") from None
    if not line.startswith(_PREFIX) or len(data) != 1 + _SEED_SIZE or data[0] != Algorithm.COSIGNATURE:
        raise LogFormatError("another form or type")
    found = WitnessKey(name, Ed25519PrivateKey.from_private_bytes(data[1:]))
    if number != f"{found.public.id:08x}":
        raise LogFormatError("the key does not fit its number")
    return found
