"""Copies of the keyring: in a backup, and in the log's mirror, where each start of the service leaves the newest.

A keyring is wrapped under a key-encryption key, whose file and passphrase are in no copy: keep those apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys import events, ringformat
from keys.errors import KeyringMissingError
from keys.ringfile import RingFile
from verifier.secret_file import replace_secret

if TYPE_CHECKING:
    from pathlib import Path

KEYRING_FILE: Final = "keyring/keyring.json"
EVENTS_FILE: Final = "keyring/keyring.events.jsonl"
_MIRRORED: Final = "keyring.json"


def newest(place: Path, backup: Path, mirror: Path | None) -> Path:
    """Choose the keyring of the highest counter; where two are equal, the one that is in its place.

    Args:
        place: where the installation has its keyring.
        backup: the backup's.
        mirror: the log's mirror; None for none.

    Raises:
        KeyringMissingError: there is none.
        CustodianError: one of them cannot be read.
    """
    copies = [place, backup, *([mirror / _MIRRORED] if mirror else [])]
    there = [path for path in copies if path.exists()]
    if not there:
        raise KeyringMissingError(f"there is no keyring, neither {place} nor a copy")
    return max(there, key=lambda path: ringformat.peek(path.read_bytes()).counter)


def put(ring: Path, place: Path) -> None:
    """Put a copy and its history in their place; an older keyring there stays beside it as .bak.

    Raises:
        OSError: it cannot be written.
    """
    if ring == place:
        return
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_secret(events.path_beside(place), events.path_beside(ring).read_bytes())
    RingFile(place).write(ring.read_bytes())


def keep(place: Path, mirror: Path) -> None:
    """Leave a copy of the keyring in the log's mirror; never an older one in the place of a newer one.

    Raises:
        OSError: it cannot be read or written.
    """
    copy, data = mirror / _MIRRORED, place.read_bytes()
    if copy.exists():
        there = copy.read_bytes()
        if there == data or ringformat.peek(there).counter > ringformat.peek(data).counter:
            return
    put(place, copy)
