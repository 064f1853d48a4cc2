"""What goes wrong with backups, by who must act."""

from __future__ import annotations

from verifier.errors import OperatorError, ServiceError


class BackupError(OperatorError):
    """Base: the backup, or where it is to go, is not right."""


class BackupFormatError(BackupError):
    """No backup, or one of a format or a database version that this release does not know."""


class BackupRealmError(BackupError):
    """The backup is of another registry or environment."""


class BackupDamagedError(BackupError):
    """A file of the backup is missing, changed or too much, or its parts do not belong together."""


class BackupPlaceError(BackupError):
    """There is something where the backup, or what is restored, is to go."""


class BackupSourceError(BackupError):
    """What is to be backed up is not in order: backing it up would hide that."""


class BackupUnreadableError(BackupError):
    """A file that belongs in the backup is missing, or this user may not read it."""


class BackupHolderError(BackupError):
    """What those who hold the keyring's KEK need beside it is missing, damaged, or of another keyring."""


class BackupWriteError(ServiceError):
    """The backup, or what is restored, cannot be written; what was written is removed, but for what it says."""


class BackupBusyError(ServiceError):
    """What is backed up changed again and again meanwhile."""
