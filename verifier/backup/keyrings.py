"""Copies of the keyring: in a backup, and in the log's mirror, where the service leaves the newest.

A keyring is wrapped under a key-encryption key, and what opens that is in no copy: keep it apart. The file with which
those who hold it together, or who have its token, come to it lies beside each copy (`verifier.backup.holder_file`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from keys import events, ringformat
from keys.errors import KeyringMissingError
from keys.ringfile import RingFile
from verifier.backup import holder_file
from verifier.backup.errors import BackupHolderError
from verifier.backup.folder import read_source
from verifier.secret_file import replace_secret

if TYPE_CHECKING:
    from keys.keyset import Keyring
    from verifier.backup.folder import PartialFolder
    from verifier.backup.holder_file import HolderFile

KEYRING_FILE: Final = "keyring/keyring.json"
EVENTS_FILE: Final = "keyring/keyring.events.jsonl"
_MIRRORED: Final = "keyring.json"
_ATTEMPTS: Final = 5


def save(place: Path, holder: HolderFile | None, folder: PartialFolder) -> Keyring:
    """Copy a keyring into a backup, the file that goes with its KEK, and then its history; returns what it says.

    Args:
        place: the keyring.
        holder: the file; None where the provider has none that may be copied.
        folder: the backup.

    Raises:
        BackupUnreadableError: the keyring or its history cannot be read.
        BackupHolderError: the file is not the one of the keyring's KEK.
        CustodianError: the keyring or its history is not what it must be.
    """
    data, beside = _together(place, holder)
    ring = ringformat.peek(data)
    folder.write(KEYRING_FILE, [data])
    if holder is not None:
        folder.write(holder.beside(Path(KEYRING_FILE)).path.as_posix(), [beside])
    folder.write(EVENTS_FILE, [read_source(events.path_beside(place))])
    history = events.read(folder.path / EVENTS_FILE, ring)
    holder_file.require_beside(folder.path / KEYRING_FILE, ring, history)
    return ring


def _together(place: Path, holder: HolderFile | None) -> tuple[bytes, bytes]:
    """Read both; where custodians renewed the KEK between the two, both again."""
    left = _ATTEMPTS
    while True:
        data = read_source(place)
        try:
            return data, b"" if holder is None else holder.read(ringformat.peek(data))
        except BackupHolderError:
            left -= 1
            if not left or read_source(place) == data:
                raise


def copies(backup: Path, mirror: Path | None) -> list[Path]:
    """Name the copies that a backup and a mirror may have."""
    return [backup / KEYRING_FILE, *([mirror / _MIRRORED] if mirror else [])]


def newest(place: Path, backup: Path, mirror: Path | None) -> Path:
    """Choose the keyring of the highest counter; where two are equal, the one that is in its place.

    Args:
        place: where the installation has its keyring.
        backup: the backup's folder.
        mirror: the log's mirror; None for none.

    Raises:
        KeyringMissingError: there is none.
        CustodianError: one of them cannot be read.
    """
    there = [path for path in (place, *copies(backup, mirror)) if path.exists()]
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


def is_kept(mirror: Path) -> bool:
    """Say whether a mirror has a copy of the keyring."""
    return (mirror / _MIRRORED).exists()


def keep(place: Path, mirror: Path, holder: HolderFile | None = None) -> None:
    """Leave a copy of the keyring in the log's mirror; never an older one in the place of a newer one.

    Args:
        place: the keyring.
        mirror: the folder.
        holder: the file that goes with its KEK, which is copied too.

    Raises:
        BackupUnreadableError: the keyring or its history cannot be read.
        BackupHolderError: that is not the one of the keyring's KEK.
        KeysError: keyring and history are not of one time, or not what they must be.
        OSError: the mirror cannot be read or written.
    """
    copy = mirror / _MIRRORED
    there = copy.read_bytes() if copy.exists() else b""
    if there and ringformat.peek(there).counter > ringformat.peek(read_source(place)).counter:
        return
    data, beside = _together(place, holder)
    if holder is not None:
        holder.beside(copy).put(beside)
    if there != data:
        # Custodians may change it just now. What was read first is written last: a history may hold one change more.
        history = read_source(events.path_beside(place))
        events.parse(history, ringformat.peek(data))
        replace_secret(events.path_beside(copy), history)
        RingFile(copy).write(data)
    RingFile(copy).forget()  # the copy before may be under an old KEK, with a key that was destroyed since
