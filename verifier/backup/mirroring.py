"""What a service does about the log's mirror: go on with it before it writes, and leave copies of the keyring there.

A start leaves one, and so does each change of the keyring that the process takes up, before anything else in it follows
the change. So the mirror has the keys that what it holds was made with, also where the machine is lost before the next
start.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from verifier.backup import holder_file, keyrings
from verifier.database import parse_address
from verifier.log.mirror import MirrorPlaceError, adopt
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verifier.config import Settings

_LOGGER = logging.getLogger("padan.mirror")


def begin(settings: Settings) -> Callable[[], object]:
    """Let the log be mirrored as the settings say; what is returned leaves the newest keyring in the mirror again.

    It is the first that follows a change of the keyring. Where it fails, nothing else follows until it has succeeded:
    the process goes on with what it has made of the keys before.

    Raises:
        MirrorPlaceError: the folder is missing or cannot be written, or the log is on PostgreSQL.
        BackupUnreadableError: the keyring or its history cannot be read.
        BackupHolderError: what goes with the keyring's KEK is missing, damaged, or of another keyring.
        KeysError: the keyring and its history do not belong together.
        LogStoreError: the log's database failed.
    """
    log, folder = parse_address(settings.log_database), settings.log_mirror
    if log.path is None:
        if folder is not None:
            raise MirrorPlaceError(
                "log_mirror is for SQLite; PostgreSQL has synchronous standbys (docs/backup.md)"
            )
        return _no_mirror
    try:
        if adopt(log.path, folder):
            _LOGGER.warning("the log's mirror begins or ends here: make a backup now")
    except sqlite3.Error as error:
        raise LogStoreError.of(error) from error
    except OSError as error:
        raise _place_error(error) from error
    if folder is None:
        return _no_mirror
    _keep(settings, folder)
    return partial(_keep, settings, folder, again=True)


def _no_mirror() -> None:
    """Leave nothing anywhere."""


def _keep(settings: Settings, folder: Path, *, again: bool = False) -> None:
    """Leave a copy; once a start has left one, a folder without it is not the mirror's disk."""
    try:
        if again and not keyrings.is_kept(folder):
            raise MirrorPlaceError(
                f"{folder}: lacks the keyring that the start has left there; is its disk mounted?"
            )
        keyrings.keep(settings.keyring, folder, holder_file.of(settings.kek))
    except OSError as error:
        raise _place_error(error) from error


def _place_error(error: OSError) -> MirrorPlaceError:
    return MirrorPlaceError(f"log_mirror: {error.filename}: {os.strerror(error.errno or 0)}")
