"""What a service does about the log's mirror before it writes: go on with it, and leave a copy of the keyring there.

Keys take effect with a start, so the mirror has every key that anything in it was made with.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from typing import TYPE_CHECKING

from verifier.backup import holder_file, keyrings
from verifier.database import parse_address
from verifier.log.mirror import MirrorPlaceError, adopt
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from verifier.config import Settings

_LOGGER = logging.getLogger("padan.mirror")


def begin(settings: Settings) -> None:
    """Let the log be mirrored as the settings say.

    Raises:
        MirrorPlaceError: the folder is missing or cannot be written, or the log is on PostgreSQL.
        BackupHolderError: what goes with the keyring's KEK is missing, damaged, or of another keyring.
        LogStoreError: the log's database failed.
    """
    log, folder = parse_address(settings.log_database), settings.log_mirror
    if log.path is None:
        if folder is not None:
            raise MirrorPlaceError(
                "log_mirror is for SQLite; PostgreSQL has synchronous standbys (docs/backup.md)"
            )
        return
    try:
        if adopt(log.path, folder):
            _LOGGER.warning("the log's mirror begins or ends here: make a backup now")
        if folder is not None:
            keyrings.keep(settings.keyring, folder, holder_file.of(settings.kek))
    except sqlite3.Error as error:
        raise LogStoreError.of(error) from error
    except OSError as error:
        raise MirrorPlaceError(f"log_mirror: {error.filename}: {os.strerror(error.errno or 0)}") from error
