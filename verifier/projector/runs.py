"""Runs: the sealed rows of one chunk, sorted by stored token, on disk until the load is done.

A run holds nothing raw: for each row the stored token (16 bytes), the row's number (u64) and the sealed box. Its
header, JSON, says what it was made from: epoch, chunk, a MAC of the chunk's bytes under a key of the keyring (so that
a resumed load knows the chunk again, and nobody without the key can try rows against it), and the chunk's rejects. The
file ends in the SHA-256 of all before it. It is written under another name, made durable and then renamed: a run is
whole or not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from keys.ringfile import sync_folder
from verifier.projector.errors import RunError
from verifier.projector.rejects import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

MAGIC: Final = b"padan-run\x01"
TOKEN_SIZE: Final = 16
ROW_SIZE: Final = 8
KEY_SIZE: Final = TOKEN_SIZE + ROW_SIZE
_LENGTH_SIZE: Final = 4
_DIGEST_SIZE: Final = 32
_BLOCK: Final = 64
"""Records that a reader or writer holds at once."""
_LONGEST_HEADER: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What a run was made from.

    Attributes:
        epoch: number of the epoch that it is sealed for.
        index: number of the chunk; -1 for decoys, -2 and below for runs merged from others.
        first_row: number of the chunk's first row.
        rows: rows of the chunk.
        mac: MAC of the chunk's bytes, hexadecimal.
        kept: records in the run.
        box_size: bytes of a sealed box.
        rejects: rows of the chunk that were not projected, ascending.
    """

    epoch: int
    index: int
    first_row: int
    rows: int
    mac: str
    kept: int
    box_size: int
    rejects: tuple[Reject, ...] = ()


def write(path: Path, header: RunHeader, records: Iterable[bytes]) -> None:
    """Write a run durably.

    Args:
        path: where it shall stand.
        header: what it is made from.
        records: ascending; token | row number | box; as many as the header says.
    """
    temporary = path.with_suffix(".part")
    head = json.dumps(asdict(header)).encode()
    start = MAGIC + len(head).to_bytes(_LENGTH_SIZE, "big") + head
    digest = hashlib.sha256(start)
    stream = iter(records)
    with temporary.open("wb") as file:
        file.write(start)
        while block := b"".join(islice(stream, _BLOCK)):
            digest.update(block)
            file.write(block)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def read_header(path: Path) -> RunHeader:
    """Read a run's header; the rest is checked by `read`.

    Raises:
        RunError: not a run.
    """
    with path.open("rb") as file:
        return _read_start(file, path)[0]


def _read_start(file: BinaryIO, path: Path) -> tuple[RunHeader, bytes]:
    start = file.read(len(MAGIC) + _LENGTH_SIZE)
    size = int.from_bytes(start[len(MAGIC) :], "big")
    if not start.startswith(MAGIC) or size > _LONGEST_HEADER:
        raise RunError(f"{path.name}: not a run of this release; start the load again with --fresh")
    head = file.read(size)
    try:
        values = json.loads(head)
        values["rejects"] = tuple(Reject(*reject) for reject in values["rejects"])
        return RunHeader(**values), start + head
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path.name}: the header is damaged; start the load again with --fresh") from error


def read(path: Path) -> Iterator[bytes]:
    """Read a run's records, and check its digest at the end.

    Raises:
        RunError: the file is not what was written.
    """
    with path.open("rb") as file:
        header, start = _read_start(file, path)
        digest = hashlib.sha256(start)
        size = KEY_SIZE + header.box_size
        left = header.kept
        while left:
            count = min(left, _BLOCK)
            block = file.read(count * size)
            if len(block) != count * size:
                raise RunError(f"{path.name}: cut off; start the load again with --fresh")
            digest.update(block)
            left -= count
            for place in range(0, len(block), size):
                yield block[place : place + size]
        if file.read(_DIGEST_SIZE + 1) != digest.digest():
            raise RunError(f"{path.name}: changed after it was written; start the load again with --fresh")
