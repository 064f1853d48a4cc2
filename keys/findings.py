"""What a check of a keyring finds that is no error: a code for machines and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys import ringformat
from keys.errors import KeysError
from keys.purpose import RULES, Purpose
from keys.ringfile import RingFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from keys.kek import Kek
    from keys.keyset import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a check found."""

    code: str
    text: str


def find(ring: Keyring, keks: Sequence[Kek], files: Sequence[Path]) -> Iterator[Finding]:
    """Find what is left to be done about a keyring.

    Args:
        ring: the keyring.
        keks: what its provider keeps.
        files: those which only their owner may open, the keyring first.
    """
    if len(keks) > 1:
        yield Finding(
            code="kek-renewal", text="a renewal of the KEK was cut off; the next change completes it"
        )
    elif _is_old(files[0], ring):
        yield Finding(
            code="old-backup",
            text=f"{RingFile(files[0]).backup} is under an old KEK and holds what was destroyed since; the next change "
            "of the keyring renews it",
        )
    for left in RingFile(files[0]).leftovers():
        yield Finding(
            code="leftover",
            text=f"{left} is of a change that was cut off; the next change of the keyring removes it",
        )
    for path in files:
        if path.stat().st_mode & 0o077:
            yield Finding(code="file-mode", text=f"others may open {path}; run: chmod 600 {path}")
    for purpose in Purpose:
        if RULES[purpose].initial and not RULES[purpose].optional and ring.keyset(purpose).primary is None:
            yield Finding(code="no-primary", text=f"there is no primary {purpose} key")


def _is_old(keyring: Path, ring: Keyring) -> bool:
    """Whether the backup of a keyring is under another KEK."""
    backup = RingFile(keyring).backup
    try:
        return backup.exists() and ringformat.kek_id(backup.read_bytes()) != ring.kek_id
    except KeysError:
        return False  # it opens nothing
