"""Throws away what a mirror holds that a backup holds too: it fills the disk, and keeps what retention has erased.

Only after the backup was checked whole, and only files that end before it: it goes on to be restored with what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.backup import sqlite
from verifier.backup.errors import BackupPlaceError
from verifier.backup.verify import verify
from verifier.log import mirror_format as form
from verifier.log.mirror import MirrorPlaceError, segments

if TYPE_CHECKING:
    from pathlib import Path

    from keys.realm import Realm


def prune(folder: Path, mirror: Path, realm: Realm) -> list[str]:
    """Delete the files of a mirror that end before a backup; returns their names.

    Args:
        folder: the backup.
        mirror: the mirror's folder.
        realm: whose both must be.

    Raises:
        BackupError: the backup is not right, or was made without a mirror; the subclass says which.
        MirrorPlaceError: the mirror is another log's, or lacks the file with which the backup goes on.
        OSError: a file cannot be deleted.
    """
    manifest = verify(folder, realm)
    if not manifest.mirror:
        raise BackupPlaceError(f"{folder}: made without a mirror, so that nothing of one can go")
    first = form.segment_of(manifest.mirror + 1)
    there = segments(mirror)
    newest = mirror / form.file_name(there[-1] if there else first)
    try:
        with newest.open("rb") as file:
            name = form.decode_header(file.read(form.HEADER_SIZE))
    except (OSError, form.MirrorFormatError) as error:
        raise MirrorPlaceError(f"{newest}: is no file of a mirror") from error
    if name != sqlite.mirror_name(folder / sqlite.LOG_FILE):
        raise MirrorPlaceError(f"{mirror}: the mirror of another log than the backup's")
    old = [form.file_name(number) for number in there if number < min(first, there[-1])]
    for each in old:
        (mirror / each).unlink()
    return old
