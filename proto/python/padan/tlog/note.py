"""Signed notes (C2SP signed-note), and the cosignatures of witnesses on them (C2SP tlog-cosignature). Ed25519 only.

A note is text, an empty line and signature lines. Lines of keys that nobody here knows are ignored; a line of a known
key that does not verify spoils the whole note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from padan.errors import LogFormatError, LogSignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Sign = Callable[[bytes], bytes]
    """Signs a message with Ed25519: 64 bytes."""

MAX_SIZE: Final = 1 << 16
"""Bytes of the longest note that is read: room for some hundred signatures."""
_KEY_SIZE: Final = 32
_SIGNATURE_SIZE: Final = 64
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_ID: Final = struct.Struct(">I")
_TIME: Final = struct.Struct(">Q")
_LATEST: Final = (1 << 63) - 1
_DASH: Final = "\u2014 "


class Algorithm(IntEnum):
    """Types of signatures, as the key id names them."""

    LOG = 0x01
    """Ed25519 over the text."""
    COSIGNATURE = 0x04
    """Ed25519 over a time and the text, by a witness."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that it signs under; its text form is a vkey, `name+id+base64`.

    Attributes:
        name: without spaces and plus signs; a log's is its origin.
        algorithm: what its signatures are over.
        public_key: 32 bytes.
    """

    name: str
    algorithm: Algorithm
    public_key: bytes

    def __post_init__(self) -> None:
        """Refuse what no note can name.

        Raises:
            LogFormatError: the name or the key is not usable.
        """
        if not _NAME.fullmatch(self.name):
            raise LogFormatError("a key's name is not empty and has no space, plus sign or control character")
        if len(self.public_key) != _KEY_SIZE:
            raise LogFormatError("an Ed25519 public key has 32 bytes")

    @property
    def id(self) -> int:
        """The key's number in signature lines: the first four bytes of SHA-256(name, newline, algorithm, key)."""
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public_key
        return int.from_bytes(hashlib.sha256(named).digest()[:4], "big")

    def __str__(self) -> str:
        """Write it as a vkey."""
        key = base64.b64encode(bytes([self.algorithm]) + self.public_key).decode()
        return f"{self.name}+{self.id:08x}+{key}"


def parse_key(text: str) -> VerifierKey:
    """Read a vkey.

    Raises:
        LogFormatError: another form, another algorithm, or its number is not the key's.
    """
    parts = text.split("+", 2)  # the base64 of a key may hold further plus signs
    if len(parts) != 3:  # noqa: PLR2004 - name, id, key
        raise LogFormatError("a verifier key is written NAME+ID+KEY")
    name, number, encoded = parts
    key = _base64(encoded)
    if not key or key[0] not in set(Algorithm):
        raise LogFormatError(
            "the verifier key is of an unknown type; Ed25519 keys of logs and witnesses are known"
        )
    found = VerifierKey(name, Algorithm(key[0]), key[1:])
    if number != f"{found.id:08x}":
        raise LogFormatError("the verifier key does not fit its number: it is mistyped")
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """One signature line.

    Attributes:
        name: of the key.
        key_id: u32.
        signature: what follows the id.
    """

    name: str
    key_id: int
    signature: bytes

    def __str__(self) -> str:
        """Write it as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(_ID.pack(self.key_id) + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it is written; nothing about it is proven yet.

    Attributes:
        text: with its last newline.
        lines: its signatures.
    """

    text: str
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        """Write it."""
        return f"{self.text}\n{''.join(map(str, self.lines))}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds.

    Attributes:
        key: whose it is.
        time: when a witness signed, seconds of the Unix epoch; 0 on a log's own signature.
    """

    key: VerifierKey
    time: int


def parse(data: bytes) -> Note:
    """Read a note.

    Raises:
        LogFormatError: not a signed note.
    """
    if len(data) > MAX_SIZE:
        raise LogFormatError(f"the note has more than {MAX_SIZE:,} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise LogFormatError("the note is not UTF-8") from None
    if any(mark < " " and mark != "\n" for mark in whole):
        raise LogFormatError("the note holds a control character")
    text, separator, signatures = whole.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise LogFormatError("the note is cut off: its signatures are missing")
    return Note(text + "\n", parse_lines(signatures))


def parse_lines(text: str) -> tuple[Line, ...]:
    """Read signature lines, each with its newline.

    Raises:
        LogFormatError: there is none, or a line is something else.
    """
    lines = tuple(_line(line) for line in text.removesuffix("\n").split("\n"))
    if not text.endswith("\n"):
        raise LogFormatError("the last signature line is cut off")
    return lines


def _line(text: str) -> Line:
    name, space, encoded = text.removeprefix(_DASH).partition(" ")
    if not text.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        raise LogFormatError("a signature line is a dash, a key's name and a signature")
    data = _base64(encoded)
    if len(data) <= _ID.size:
        raise LogFormatError("a signature is cut off")
    return Line(name, int.from_bytes(data[: _ID.size], "big"), data[_ID.size :])


def verify(note: Note, keys: Iterable[VerifierKey]) -> list[Verified]:
    """Check the signatures of known keys, one a key; give those that there are.

    Raises:
        LogSignatureError: a known key's signature does not hold.
    """
    known = {(key.name, key.id): key for key in keys}
    found: dict[VerifierKey, Verified] = {}
    for line in note.lines:
        key = known.get((line.name, line.key_id))
        if key is not None and key not in found:
            found[key] = Verified(key, _check(key, note.text.encode(), line.signature))
    return list(found.values())


def _check(key: VerifierKey, text: bytes, signature: bytes) -> int:
    time = 0
    if key.algorithm is Algorithm.COSIGNATURE:
        if len(signature) != _TIME.size + _SIGNATURE_SIZE:
            raise LogSignatureError(f"the cosignature of {key.name} has another size")
        (time,) = _TIME.unpack_from(signature)
        if time > _LATEST:
            raise LogSignatureError(f"the cosignature of {key.name} has an impossible time")
        text, signature = _cosigned(time, text), signature[_TIME.size :]
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        raise LogSignatureError(f"the signature of {key.name} does not hold: the note was changed") from None
    return time


def sign(text: str, key: VerifierKey, signer: Sign) -> Line:
    """Sign a text as a log does.

    Args:
        text: with its last newline.
        key: the signer's public key.
        signer: signs with the private one.
    """
    return Line(key.name, key.id, signer(text.encode()))


def cosign(text: str, key: VerifierKey, signer: Sign, time: int) -> Line:
    """Sign a text as a witness does.

    Args:
        text: with its last newline.
        key: the signer's public key.
        signer: signs with the private one.
        time: now, seconds of the Unix epoch.
    """
    return Line(key.name, key.id, _TIME.pack(time) + signer(_cosigned(time, text.encode())))


def stated_time(line: Line) -> int:
    """Read when a witness says that it signed, seconds of the Unix epoch; nothing about it is proven.

    Args:
        line: of a cosignature; what is none has time 0.
    """
    if len(line.signature) != _TIME.size + _SIGNATURE_SIZE:
        return 0
    (time,) = _TIME.unpack_from(line.signature)
    return int(time)


def _cosigned(time: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text


def join(text: str, lines: Sequence[Line]) -> bytes:
    """Write a note's bytes."""
    return str(Note(text, tuple(lines))).encode()


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise LogFormatError("a key, hash or signature is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise LogFormatError("a key, hash or signature is not base64 as it is written")
    return data
