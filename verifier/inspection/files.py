"""The files that settings name: there, and closed to those whom they are not for."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keys import events
from padan.finding import failed, good, warned
from verifier.ca import KEY_FILE
from verifier.inspection.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.finding import Finding
    from verifier.config import Settings

STEP: Final = "files"
CREDENTIALS: Final = Path("/run/credentials")
"""What systemd lends to a unit, and only while it runs (systemd.exec(5), LoadCredential=)."""
LITTLE_SPACE: Final = 1 << 30
NO_SPACE: Final = 100 << 20


def passphrase_file(settings: Settings) -> Path | None:
    """Find the file of the passphrase or PIN in the setting `kek`; None where it comes from elsewhere."""
    found = re.search(r"[?&](?:passphrase-file=|pin-source=(?:file:(?://)?)?)([^&]+)", settings.kek)
    return Path(found.group(1)) if found else None


def kek_file(settings: Settings) -> Path | None:
    """Find the KEK's file in the setting `kek`."""
    found = re.search(r"(?:^file:|[?&]kek-file=)([^?&]+)", settings.kek)
    return Path(found.group(1)) if found else None


def is_lent(path: Path) -> bool:
    """Whether a file is a credential that systemd lends."""
    return path.is_relative_to(CREDENTIALS)


def check_files(settings: Settings, config: Path) -> Iterator[Finding]:
    """Look at each file's presence and mode, and at the folder of data."""
    findings = [
        *_present(settings),
        *_secret(settings),
        *_config(config),
        *_folder(settings),
        *_apart(settings),
        *_tree(settings),
    ]
    yield from findings
    if not findings:
        yield good(STEP, "every file is there, and secrets are closed to others")


def _present(settings: Settings) -> Iterator[Finding]:
    needed = {
        "keyring": (settings.keyring, "make one with padan-keys init, or put back its copy"),
        "kek": (kek_file(settings), "put back the KEK file; padan-keys init makes one with the keyring"),
        "tls_cert": (settings.tls_cert, "make one with padan-server ca issue-server"),
        "tls_key": (settings.tls_key, "make one with padan-server ca issue-server"),
        "client_ca": (settings.client_ca, "make one with padan-server ca init, or name the outside CA's"),
        "auditors_key": (settings.auditors_key, "make one with padan-keys auditors-keygen"),
        "witness_policy": (
            settings.witness_policy,
            "write one (docs/operate.md#witnesses), or leave the setting out",
        ),
        "biometric_thresholds": (
            settings.biometric_thresholds,
            "make it with padan-server calibrate, or leave the setting out",
        ),
        "kek's passphrase or PIN": (
            passphrase_file(settings),
            "write it there, for its owner alone",
        ),
    }
    for name, (path, next_step) in needed.items():
        if path is None or path.is_file():
            continue
        if is_lent(path):
            yield warned(
                STEP,
                Fault.FILE_MISSING,
                f"{name}: {path} is there only while systemd runs the unit, and was not looked at",
                "see that the unit has LoadCredential= for it: systemctl cat, systemctl start",
            )
        else:
            yield failed(STEP, Fault.FILE_MISSING, f"{name}: {path} is not there", next_step)


def _secret(settings: Settings) -> Iterator[Finding]:
    secrets = (
        settings.keyring,
        events.path_beside(settings.keyring),
        kek_file(settings),
        passphrase_file(settings),
        settings.tls_key,
        settings.ca_dir / KEY_FILE,
    )
    for path in secrets:
        mode = _mode(path)
        if path is None or mode is None:
            continue
        if mode & 0o027:
            yield failed(
                STEP,
                Fault.FILE_MODE,
                f"{path}: others may open it (mode {mode:04o})",
                f"run: chmod 600 {path}",
            )
        elif mode & 0o040:
            yield warned(
                STEP,
                Fault.FILE_MODE,
                f"{path}: its group may read it (mode {mode:04o})",
                f"see who is in that group, or run: chmod 600 {path}",
            )


def _mode(path: Path | None) -> int | None:
    try:
        return None if path is None else stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _config(config: Path) -> Iterator[Finding]:
    mode = _mode(config)
    if mode is not None and mode & 0o022:
        yield failed(
            STEP,
            Fault.FILE_MODE,
            f"{config}: others may change the configuration (mode {mode:04o})",
            f"run: chmod go-w {config}",
        )


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    mode = _mode(folder)
    if mode is None or not folder.is_dir():
        embedded = any("://" not in url for url in (settings.log_database, settings.vault_database))
        make = failed if embedded or settings.has_writer else warned
        yield make(
            STEP, Fault.FILE_MISSING, f"data_dir: {folder} is no folder", f"run: install -d -m 700 {folder}"
        )
        return
    if mode & 0o007:
        yield warned(
            STEP,
            Fault.FILE_MODE,
            f"{folder}: anybody may look into it (mode {mode:04o})",
            f"run: chmod o= {folder}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        yield failed(
            STEP,
            Fault.FILE_MODE,
            f"{folder}: this user may not write it",
            "run this as the service's user, or chown it",
        )
    free = shutil.disk_usage(folder).free
    if free < LITTLE_SPACE:
        make = failed if free < NO_SPACE else warned
        yield make(
            STEP,
            Fault.SPACE,
            f"{folder}: {free >> 20} MiB are free",
            "make room: a log that cannot be written answers nobody; padan-server epoch drop frees old epochs",
        )


def _apart(settings: Settings) -> Iterator[Finding]:
    """Check the folders that are best on another disk, where settings name them."""
    named = {
        "head_store": settings.head_file.parent if settings.head_store is not None else None,
        "log_mirror": settings.log_mirror,
    }
    for name, folder in named.items():
        if folder is None:
            continue
        if not folder.is_dir():
            yield failed(
                STEP,
                Fault.FILE_MISSING,
                f"{name}: {folder} is no folder",
                f"mount it, or: install -d -m 700 {folder}",
            )
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield failed(
                STEP,
                Fault.FILE_MODE,
                f"{name}: {folder} may not be written",
                "chown it to the service's user",
            )
        elif settings.data_dir.is_dir() and folder.stat().st_dev == settings.data_dir.stat().st_dev:
            yield warned(
                STEP,
                Fault.SPACE,
                f"{name}: {folder} is on the disk of data_dir, and is lost with it",
                "name a folder on another disk",
            )


def _tree(settings: Settings) -> Iterator[Finding]:
    """Check where the tree is published; the leader makes the folder where it is not there."""
    folder = settings.tree_folder
    found = next(path for path in (folder, *folder.parents) if path.exists())
    if not found.is_dir():
        yield failed(
            STEP,
            Fault.FILE_MISSING,
            f"tree_dir: {found} is no folder, so no checkpoint can be published",
            "name a folder of the tree's own, or move the file away",
        )
    elif not os.access(found, os.W_OK | os.X_OK):
        yield failed(
            STEP,
            Fault.FILE_MODE,
            f"tree_dir: {found} may not be written, so no checkpoint can be published",
            f"run: install -d -m 755 -o padan {folder}, with the service's user in the place of padan",
        )
