"""Where a rotation is worked on: its folder of moved parts, one command at a time, and the vault for changes."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import shutil
from typing import TYPE_CHECKING, Final

from verifier.folders import make_folder
from verifier.projector import plan as plans
from verifier.projector.reservation import LOADS_FOLDER
from verifier.rotation.errors import RotationBusyError
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from verifier.config import Settings
    from verifier.vault.changer import VaultChanger

FOLDER: Final = "rotations"
"""Folder of moved parts, in the data folder."""
WAIT_SECONDS: Final = 60.0
"""How long a step waits for another process that changes the vault, such as one that follows a feed."""


def operator() -> str:
    """Name the account that runs this command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keep every other command away; the lock goes with the process, however that ends.

    Raises:
        RotationBusyError: another works on it; names its operator.
    """
    folder = settings.data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = file.read().strip() or "another process"
            raise RotationBusyError(f"{who} works on the rotation now") from error
        file.truncate()
        file.write(f"{operator()} (process {os.getpid()})\n")
        file.flush()
        yield


def folder_of(settings: Settings, target: int) -> Path:
    """Make the folder of a rotation's moved parts."""
    folder = settings.data_dir / FOLDER / f"epoch-{target:06}"
    make_folder(folder, mode=0o700)
    return folder


def clear(settings: Settings, target: int) -> None:
    """Remove what was moved or projected, when it is in the new epoch or is to go nowhere."""
    shutil.rmtree(plans.folder_of(settings.data_dir / LOADS_FOLDER, target), ignore_errors=True)
    shutil.rmtree(settings.data_dir / FOLDER / f"epoch-{target:06}", ignore_errors=True)


def lending(vault: VaultChanger) -> Callable[[], contextlib.AbstractContextManager[VaultChanger]]:
    """Give a vault that is open for changes already, again and again."""
    return lambda: contextlib.nullcontext(vault)


@contextlib.contextmanager
def changing(settings: Settings) -> Iterator[VaultChanger]:
    """Open the vault for changes, when whoever changes it now has done so.

    Raises:
        ChangesBusyError: they go on for longer than `WAIT_SECONDS`.
    """
    with contextlib.closing(open_changer(settings.vault_database, patience=WAIT_SECONDS)) as vault:
        yield vault
