"""The steps of a change of the keyring by name, in their order: who is killed after one leaves a whole keyring."""

from __future__ import annotations

import enum


class Step(enum.StrEnum):
    """What is on the disk."""

    HISTORY_WRITTEN = "history-written"
    """The history's lines; the keyring is as it was, so they have not happened."""
    KEYRING_BESIDE = "keyring-beside"
    """The new keyring, under another name."""
    BACKUP_KEPT = "backup-kept"
    """The present keyring, as the backup too."""
    KEYRING_WRITTEN = "keyring-written"
    """The new keyring: the change has happened."""


def ignore(step: Step) -> None:
    """Go on."""
    del step
