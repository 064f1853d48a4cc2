"""The `file:` provider: a KEK in a file, under a passphrase by Argon2id (RFC 9106). The embedded default.

The file is `docs/formats/kek-file.md`, format 1: parameters, salt, and one KEK, or two while a renewal is
under way, each in an AES-256-GCM box under the key that Argon2id gives; a SHA-256 over the rest tells a
damaged file from a wrong passphrase. One person who knows the passphrase and has the file has every key:
outside development this needs an explicit flag. Parameters weaker than RFC 9106's second recommended option
(t=3, 64 MiB, p=4) are refused when read, as is what would be a denial of service.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw

from keys import document
from keys.errors import KekFileError, KeyringMissingError, OpenError, PassphraseError, WeakParametersError
from keys.kek import Kek
from keys.ringfile import RingFile
from keys.seal import SealKey
from padan.canonical import prefixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.provider import Prompt

FORMAT: Final = 1
SALT_SIZE: Final = 16
PASSPHRASE_MIN: Final = 12
"""Characters; Argon2id slows guessing, it does not make a short passphrase long."""
_AAD: Final = prefixed("padan", "kek-file", "1")
_MEMORY_MAX: Final = 8 * 1024 * 1024
_TIME_MAX: Final = 64
_LANES_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Parameters:
    """Parameters of Argon2id, version 0x13, 32 bytes out.

    Args:
        time: passes.
        memory_kib: memory in KiB.
        lanes: parallel lanes.
    """

    time: int
    memory_kib: int
    lanes: int

    def at_least(self, other: Argon2Parameters) -> bool:
        """Whether no parameter is below another's."""
        return self.time >= other.time and self.memory_kib >= other.memory_kib and self.lanes >= other.lanes


RFC9106_FIRST: Final = Argon2Parameters(time=1, memory_kib=2 * 1024 * 1024, lanes=4)
RFC9106_SECOND: Final = Argon2Parameters(time=3, memory_kib=64 * 1024, lanes=4)
"""What new files are written with; about 0.25 s."""


def check_parameters(parameters: Argon2Parameters) -> None:
    """Refuse parameters that are weaker than RFC 9106's second option, or that no machine should run.

    Raises:
        WeakParametersError: out of range.
    """
    if not (parameters.at_least(RFC9106_SECOND) or parameters.at_least(RFC9106_FIRST)):
        raise WeakParametersError(
            "the KEK file's Argon2id parameters are weaker than t=3, 64 MiB, p=4 (RFC 9106)"
        )
    if parameters.time > _TIME_MAX or parameters.memory_kib > _MEMORY_MAX or parameters.lanes > _LANES_MAX:
        raise WeakParametersError("the KEK file's Argon2id parameters exceed t=64, 8 GiB, p=64")


class FileKekProvider:
    """A KEK file.

    Args:
        path: the file.
        source: ("passphrase-file", path) or ("passphrase-env", name); None asks.
        prompt: asks a person.
        uri: the URI that named this provider.
    """

    single_custodian = True

    def __init__(self, *, path: Path, source: tuple[str, str] | None, prompt: Prompt, uri: str) -> None:
        self._file = RingFile(path, keep_last=False)
        self._source = source
        self._prompt = prompt
        self.uri = uri
        self._wrap: tuple[bytes, SealKey] | None = None

    def __repr__(self) -> str:
        return f"<FileKekProvider {self._file.path}>"

    def create(self) -> Kek:
        """Make the file with a first KEK.

        Raises:
            KeyringExistsError: the file is there.
            PassphraseError: no passphrase, too short, or two that differ.
        """
        self._file.refuse_existing()
        passphrase = self._passphrase(new=True)
        kek = Kek.generate()
        salt = secrets.token_bytes(SALT_SIZE)
        self._store(RFC9106_SECOND, salt, (kek,), self._wrapping_key(RFC9106_SECOND, salt, passphrase))
        return kek

    def unlock(self) -> tuple[Kek, ...]:
        """Open the file.

        Raises:
            KekFileError: missing, damaged, or of another format.
            WeakParametersError: its Argon2id parameters are out of range.
            PassphraseError: the passphrase is missing or wrong.
        """
        _, _, keks = self._open()
        return keks

    def renew(self) -> Kek:
        """Add a new KEK beside the present one."""
        parameters, salt, keks = self._open()
        kek = Kek.generate()
        self._store(parameters, salt, (*keks, kek), self._wrapping_key(parameters, salt))
        return kek

    def retire(self, kek_id: str) -> None:
        """Keep one KEK alone.

        Raises:
            KekFileError: the file does not hold it.
        """
        parameters, salt, keks = self._open()
        kept = tuple(kek for kek in keks if kek.id == kek_id)
        if not kept:
            raise KekFileError("the KEK file does not hold the KEK that it is to keep")
        if len(keks) > 1:
            self._store(parameters, salt, kept, self._wrapping_key(parameters, salt))

    def _open(self) -> tuple[Argon2Parameters, bytes, tuple[Kek, ...]]:
        try:
            data = self._file.read()
        except KeyringMissingError as error:
            raise KekFileError(f"there is no KEK file {self._file.path}") from error
        parameters, salt, boxes = _decode(data)
        wrap = self._wrapping_key(parameters, salt)
        try:
            keks = tuple(Kek(wrap.open(box, _AAD + bytes.fromhex(kek_id))) for kek_id, box in boxes)
        except OpenError as error:
            self._wrap = None
            raise PassphraseError("the passphrase does not open the KEK file") from error
        return parameters, salt, keks

    def _store(self, parameters: Argon2Parameters, salt: bytes, keks: Sequence[Kek], wrap: SealKey) -> None:
        boxes = [(kek.id, wrap.seal(bytes(kek.reveal()), _AAD + bytes.fromhex(kek.id))) for kek in keks]
        self._file.write(_encode(parameters, salt, boxes))

    def _wrapping_key(
        self, parameters: Argon2Parameters, salt: bytes, passphrase: bytes | None = None
    ) -> SealKey:
        """Run Argon2id once for a salt; steps of one command share the result."""
        if self._wrap is None or self._wrap[0] != salt:
            secret = self._passphrase(new=False) if passphrase is None else passphrase
            key = hash_secret_raw(
                secret, salt, parameters.time, parameters.memory_kib, parameters.lanes, 32, Type.ID
            )
            self._wrap = (salt, SealKey(key))
        return self._wrap[1]

    def _passphrase(self, *, new: bool) -> bytes:
        text = self._read_passphrase(new=new)
        if len(text) < PASSPHRASE_MIN:
            raise PassphraseError(f"a passphrase has at least {PASSPHRASE_MIN} characters")
        return text.encode()

    def _read_passphrase(self, *, new: bool) -> str:
        if self._source is None:
            text = self._prompt("Passphrase: ")
            if new and not hmac.compare_digest(text.encode(), self._prompt("Once more: ").encode()):
                raise PassphraseError("the two passphrases differ")
            return text
        kind, name = self._source
        if kind == "passphrase-env":
            if name not in os.environ:
                raise PassphraseError(f"the environment has no {name}")
            return os.environ[name]
        return read_passphrase(Path(name))


def read_passphrase(path: Path) -> str:
    """Read a passphrase from a file, without its final line feed.

    Raises:
        PassphraseError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PassphraseError(f"the passphrase file {path} cannot be read as UTF-8") from error


def _encode(parameters: Argon2Parameters, salt: bytes, boxes: Sequence[tuple[str, bytes]]) -> bytes:
    content = {
        "format": FORMAT,
        "kdf": {
            "lanes": parameters.lanes,
            "memoryKib": parameters.memory_kib,
            "name": "argon2id",
            "salt": base64.b64encode(salt).decode(),
            "time": parameters.time,
            "version": ARGON2_VERSION,
        },
        "kek": [{"box": base64.b64encode(box).decode(), "id": kek_id} for kek_id, box in boxes],
    }
    return document.encode(content)


def _decode(data: bytes) -> tuple[Argon2Parameters, bytes, list[tuple[str, bytes]]]:
    try:
        content = document.decode(data)
    except ValueError as error:
        raise KekFileError("the KEK file is damaged") from error
    if content.get("format") != FORMAT:
        raise KekFileError(f"the KEK file has a format other than {FORMAT}; a newer release wrote it")
    try:
        kdf = content["kdf"]
        parameters = Argon2Parameters(time=kdf["time"], memory_kib=kdf["memoryKib"], lanes=kdf["lanes"])
        salt = base64.b64decode(kdf["salt"], validate=True)
        boxes = [(item["id"], base64.b64decode(item["box"], validate=True)) for item in content["kek"]]
        known = (kdf["name"], kdf["version"]) == ("argon2id", ARGON2_VERSION) and len(salt) >= SALT_SIZE
        check_parameters(parameters)
    except (KeyError, TypeError, ValueError) as error:
        raise KekFileError("the KEK file does not have the shape of its format") from error
    if not known or not boxes:
        raise KekFileError("the KEK file names another function than Argon2id, a short salt, or no KEK")
    return parameters, salt, boxes
