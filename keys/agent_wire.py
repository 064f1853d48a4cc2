"""What the key agent and its workers say to each other (docs/formats/key-agent.md). Pure.

A frame is `u32 length | 0x01 | u8 kind | body`, the length counting all after itself. A worker asks, the agent answers,
one question at a time. Keys pass in the clear, so only the two ends of the socket import this module, and a contract
says so.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from keys import errors, ringformat
from keys.envelope import PERIOD_ID_SIZE, PERIOD_KEY_SIZE
from keys.errors import KeyAgentFormatError, KeysError
from keys.holders import Held
from keys.mac import MacKey
from keys.period import Period
from keys.probekey import ProbeKey, ProbeKeys, Told
from keys.secret import Material, burn
from padan import canonical
from padan.canonical import CanonicalError
from padan.errors import SealingError
from padan.sealing import KEY_SIZE as PROBE_KEY_SIZE
from padan.sealing import Recipient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.keyset import Keyring
    from keys.period import SharedPeriod
    from keys.probekey import SharedProbeKey

FORMAT: Final = 1
MAX_FRAME: Final = 2 * ringformat.MAX_SIZE
"""Bytes after the length."""
_HEADER = struct.Struct(">IBB")
LENGTH_SIZE: Final = 4
_ID = struct.Struct(">I")
_BORN = struct.Struct(">d")
_COUNTER = struct.Struct(">Q")
_SECONDS = struct.Struct(">q")
_HELD = struct.Struct(">II")


class Kind(IntEnum):
    """What a frame is."""

    KEYS = 1
    """Worker to agent: the keyring and its keys, please, unless its counter is the one in the body."""
    PERIOD = 2
    """Worker to agent: the audit period in use, please."""
    LOGGED = 3
    """Worker to agent: this period's envelope is committed."""
    KEYRING = 4
    """Agent to worker: the keyring and its keys."""
    OPEN = 5
    """Agent to worker: the period in use."""
    PENDING = 6
    """Agent to worker: another worker is committing the period's envelope; ask again."""
    NOTED = 7
    """Agent to worker: as you say."""
    FAILED = 8
    """Agent to worker: why not."""
    HOLDERS = 9
    """Worker to agent: how many processes have keys, please."""
    HELD = 10
    """Agent to worker: so many."""
    PROBE = 11
    """Worker to agent: the probe keys, please, unless the one that is told is the one in the body."""
    PROBES = 12
    """Agent to worker: the probe keys, the one that is told first."""


_KINDS: Final = {int(kind): kind for kind in Kind}


class Frame(NamedTuple):
    """One frame."""

    kind: Kind
    body: bytes


def encode(kind: Kind, body: bytes = b"") -> bytes:
    """Encode a frame.

    Raises:
        KeyAgentFormatError: it is too long.
    """
    size = _HEADER.size - LENGTH_SIZE + len(body)
    if size > MAX_FRAME:
        raise KeyAgentFormatError("the keyring is larger than a frame of the key agent's")
    return _HEADER.pack(size, FORMAT, kind) + body


def length(data: bytes) -> int:
    """Read how many bytes follow a frame's first four.

    Raises:
        KeyAgentFormatError: a length that no frame has.
    """
    size = int.from_bytes(data, "big")
    if not _HEADER.size - LENGTH_SIZE <= size <= MAX_FRAME:
        raise KeyAgentFormatError("a frame of the key agent's socket has an impossible length")
    return size


def decode(data: bytes) -> Frame:
    """Decode what follows a frame's length.

    Raises:
        KeyAgentFormatError: another format, or an unknown kind.
    """
    if data[0] != FORMAT or data[1] not in _KINDS:
        raise KeyAgentFormatError("the key agent's socket speaks another format; restart what is older")
    return Frame(_KINDS[data[1]], data[2:])


def encode_keyring(ring: Keyring, materials: Mapping[int, Material]) -> bytes:
    """Encode a keyring and its keys in the clear."""
    items = [_ID.pack(key_id) + bytes(material.view()) for key_id, material in sorted(materials.items())]
    return canonical.encode({1: ringformat.describe(ring), 2: canonical.encode_list(items)})


def encode_counter(counter: int) -> bytes:
    """Encode the counter of a keyring that a worker has."""
    return _COUNTER.pack(counter)


def encode_held(held: Held) -> bytes:
    """Encode how many processes have keys."""
    return _HELD.pack(*held)


def decode_held(body: bytes) -> Held:
    """Decode it.

    Raises:
        KeyAgentFormatError: of another shape.
    """
    try:
        return Held(*_HELD.unpack(body))
    except struct.error as error:
        raise KeyAgentFormatError("the key agent counts in another way; restart what is older") from error


def decode_keyring(body: bytes) -> tuple[Keyring, dict[int, Material]]:
    """Decode a keyring, which the agent has checked, and its keys.

    Raises:
        KeyAgentFormatError: of another shape.
    """
    try:
        fields = canonical.decode(body)
        ring = ringformat.peek(fields[1])
        items = canonical.decode_list(fields[2])
        materials = {_ID.unpack_from(item)[0]: Material(item[_ID.size :]) for item in items}
    except (CanonicalError, KeyError, KeysError, struct.error) as error:
        raise KeyAgentFormatError("the key agent sends a keyring of another shape") from error
    return ring, materials


def encode_period(period: SharedPeriod) -> bytes:
    """Encode a period with its key in the clear."""
    tail = {3: period.envelope, 4: _BORN.pack(period.born), 5: bytes([period.logged])}
    # Put together in one buffer, which is zeroed: the encoder would leave the key in its pieces.
    buffer = bytearray(canonical.encode({1: period.id}) + canonical.header(2, PERIOD_KEY_SIZE))
    buffer += period.material.view()
    buffer += canonical.encode(tail)
    body = bytes(buffer)
    buffer[:] = bytes(len(buffer))
    return body


def decode_period(body: bytes) -> Period:
    """Decode a period.

    Raises:
        KeyAgentFormatError: of another shape.
    """
    try:
        fields = canonical.decode(body)
        period_id, key, (born,) = fields[1], fields[2], _BORN.unpack(fields[4])
        envelope, logged = fields[3], fields[5] == b"\1"
    except (CanonicalError, KeyError, struct.error) as error:
        raise KeyAgentFormatError("the key agent sends a period of another shape") from error
    if len(period_id) != PERIOD_ID_SIZE or len(key) != PERIOD_KEY_SIZE:
        raise KeyAgentFormatError("the key agent sends a period of another size")
    mac = MacKey(key)
    burn(key)
    return Period(period_id=period_id, key=mac, envelope=envelope, born=born, logged=logged)


def encode_probes(keys: Sequence[SharedProbeKey]) -> bytes:
    """Encode probe keys in the clear."""
    pieces: list[bytes | bytearray] = []
    for key in keys:
        told = key.told
        tail = canonical.encode(
            {
                2: _BORN.pack(key.born),
                3: _SECONDS.pack(told.not_after),
                4: told.signer.encode(),
                5: told.signature,
            }
        )
        head = canonical.header(1, PROBE_KEY_SIZE)
        pieces += [_ID.pack(len(head) + PROBE_KEY_SIZE + len(tail)), head, key.material.view(), tail]
    return b"".join(pieces)  # at once: an encoder, or a buffer that grows, would leave the keys behind


def decode_probes(body: bytes) -> ProbeKeys:
    """Decode probe keys.

    Raises:
        KeyAgentFormatError: of another shape.
    """
    keys = []
    try:
        for item in canonical.decode_list(body):
            fields = canonical.decode(item)
            burn(item)
            keys.append(_decode_probe(fields))
            burn(fields.pop(1))
    except (CanonicalError, SealingError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise KeyAgentFormatError("the key agent sends probe keys of another shape") from error
    if not keys:
        raise KeyAgentFormatError("the key agent sends no probe key")
    return ProbeKeys(keys)


def _decode_probe(fields: Mapping[int, bytes]) -> ProbeKey:
    (born,), (not_after,) = _BORN.unpack(fields[2]), _SECONDS.unpack(fields[3])
    recipient = Recipient(fields[1])
    told = Told(
        key_id=recipient.key_id,
        public_key=recipient.public_key,
        not_after=not_after,
        signer=fields[4].decode(),
        signature=fields[5],
    )
    return ProbeKey(recipient, told=told, born=born)


def encode_failure(error: KeysError) -> bytes:
    """Encode an error by its class and its text, which holds no key."""
    return canonical.encode({1: type(error).__name__.encode(), 2: str(error).encode()})


def decode_failure(body: bytes) -> KeysError:
    """Decode an error; a class that this release does not know becomes its base.

    Raises:
        KeyAgentFormatError: of another shape.
    """
    try:
        fields = canonical.decode(body)
        name, text = fields[1].decode(), fields[2].decode()
    except (CanonicalError, KeyError, UnicodeDecodeError) as error:
        raise KeyAgentFormatError("the key agent sends an error of another shape") from error
    kind = getattr(errors, name, None)
    return kind(text) if isinstance(kind, type) and issubclass(kind, KeysError) else KeysError(text)
