"""What an auditor last trusted, kept outside of the copy: a checkpoint, and which private entries the copy holds.

The record is JSON that `padan-audit mirror` writes beside the copy. A signed checkpoint or a .tlog-proof that another
party gives serves as well; it says nothing of private entries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from padan.audit.mirror import place
from padan.errors import CopyError, LogFormatError
from padan.tlog import proof

if TYPE_CHECKING:
    from pathlib import Path

    from padan.tlog.policy import Believed, Policy

FORMAT: Final = 1
SUFFIX: Final = ".trusted"
MAX_RECORD: Final = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Which private entries a copy holds.

    Attributes:
        through: the last place of the log that was asked for.
        held: entries with salt.
        erased: entries of which the leaf is left.
        chunks: a digest for every 4,096 places, of what is held there and of the columns that SQL sees.
    """

    through: int
    held: int
    erased: int
    chunks: tuple[bytes, ...]

    @property
    def unseen(self) -> int:
        """Places of which the grant showed nothing."""
        return self.through - self.held - self.erased


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """What was trusted last.

    Attributes:
        believed: the checkpoint.
        note: as it was signed.
        holding: None where nothing is said of private entries.
    """

    believed: Believed
    note: bytes
    holding: Holding | None = None


def beside(copy: Path) -> Path:
    """Say where the record of a copy lies unless another place is given."""
    return copy.with_name(copy.name + SUFFIX)


def read(path: Path, policy: Policy) -> Trusted:
    """Read a record, a signed checkpoint or a .tlog-proof.

    Raises:
        CopyError: the file cannot be read.
        LogFormatError: it is none of the three.
        LogSignatureError: the policy does not believe its checkpoint.
    """
    try:
        with path.open("rb") as source:
            data = source.read(MAX_RECORD)
    except OSError as error:
        raise CopyError(
            f"{path} cannot be read: {error.strerror}",
            next_step="give with --trusted what `padan-audit mirror` wrote, a signed checkpoint or a .tlog-proof",
        ) from None
    if data.startswith(b"{"):
        return _record(data, policy)
    note = proof.parse(data).checkpoint if data.startswith(b"c2sp.org/") else data
    return Trusted(believed=policy.believe(note), note=note)


def write(path: Path, note: bytes, holding: Holding | None) -> None:
    """Write a record, as a whole or not at all.

    Raises:
        SourceError: the disk does not take it.
    """
    data: dict[str, Any] = {"format": FORMAT, "checkpoint": note.decode()}
    if holding is not None:
        data["entries"] = {
            "through": holding.through,
            "held": holding.held,
            "erased": holding.erased,
            "chunks": [chunk.hex() for chunk in holding.chunks],
        }
    place.write(path, (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode(), durable=True)


def _record(data: bytes, policy: Policy) -> Trusted:
    try:
        found = json.loads(data)
        known = found["format"] == FORMAT
        note = str(found["checkpoint"]).encode()
        entries = found.get("entries")
        holding = None if entries is None else _holding(entries)
    except (ValueError, KeyError, TypeError):
        raise LogFormatError(
            "the record of what was trusted is damaged",
            next_step="give a copy of the file that `padan-audit mirror` wrote, or a signed checkpoint",
        ) from None
    if not known:
        raise LogFormatError(
            "the record of what was trusted has another format", next_step="use a newer release of padan"
        )
    return Trusted(believed=policy.believe(note), note=note, holding=holding)


def _holding(data: dict[str, Any]) -> Holding:
    return Holding(
        through=int(data["through"]),
        held=int(data["held"]),
        erased=int(data["erased"]),
        chunks=tuple(bytes.fromhex(chunk) for chunk in data["chunks"]),
    )
