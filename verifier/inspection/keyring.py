"""The keyring: of this registry, within its cryptoperiods, and sound where it opens without asking anybody."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from keys import cryptoperiod, ringformat
from keys.credential_provider import FOLDER_VARIABLE
from keys.cryptoperiod import Use
from keys.custody import Custody
from keys.provider import open_provider
from keys.ringfile import RingFile
from padan.finding import failed, good, warned
from verifier.inspection import files
from verifier.inspection.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from keys.keyset import Keyring
    from padan.finding import Finding
    from verifier.config import Settings

STEP: Final = "keyring"
_FILE_MODE: Final = "file-mode"


def read_keyring(settings: Settings) -> Keyring:
    """Read the keyring's file without a key; nobody has vouched for it.

    Raises:
        keys.errors.KeysError: it is missing or unreadable.
    """
    return ringformat.peek(RingFile(settings.keyring).read())


def check_keyring(settings: Settings, *, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Check realm, integrity and cryptoperiods.

    Raises:
        keys.errors.KeysError: the keyring is missing, damaged, or does not open with its passphrase.
    """
    ring = read_keyring(settings)
    realm = (ring.realm.registry_id, ring.realm.environment)
    if realm != (settings.registry_id, settings.environment):
        yield failed(
            STEP,
            Fault.OTHER_REGISTRY,
            f"{settings.keyring}: made for {realm[0]} in {realm[1]}, but the settings say "
            f"{settings.registry_id} in {settings.environment}",
            "name this registry's keyring, or mend registry_id and environment",
        )
        return
    if why := _not_unlocked(settings):
        yield warned(
            STEP,
            Fault.KEYRING_UNVERIFIED,
            f"of this registry, counter {ring.counter}; not unlocked: {why}",
            "have a custodian run padan-keys check",
        )
    else:
        ring, _, found = Custody(
            path=settings.keyring, provider=open_provider(settings.kek), actor="config check"
        ).check()
        loose = [finding for finding in found if finding.code != _FILE_MODE]  # modes are the files' step
        for finding in loose:
            yield failed(
                STEP, Fault.KEYRING, finding.text, "see padan-keys status, and mend it with padan-keys"
            )
        if not loose:
            yield good(STEP, f"sound, of this registry, {sum(1 for _ in ring)} keys, counter {ring.counter}")
    yield from _periods(ring, datetime.fromtimestamp(now(), UTC))


def _not_unlocked(settings: Settings) -> str:
    """Say why the keyring cannot be unlocked here without asking anybody; empty where it can."""
    if settings.kek.startswith("credential:"):
        return "" if FOLDER_VARIABLE in os.environ else "systemd lends its KEK to the unit alone"
    if not settings.kek:
        return ""
    path = files.passphrase_file(settings)
    if path is None and "passphrase-env=" not in settings.kek:
        return "its passphrase or PIN is asked for"
    if path is not None and not path.is_file():
        return (
            "systemd lends its passphrase or PIN to the unit alone"
            if files.is_lent(path)
            else "its passphrase or PIN is missing"
        )
    return ""


def _periods(ring: Keyring, now: datetime) -> Iterator[Finding]:
    beside = {(purpose, key.key_id): key for purpose, key in cryptoperiod.outgoing(ring)}
    for alarm in cryptoperiod.alarms(ring, now=now):
        if (alarm.purpose, alarm.key_id) in beside and alarm.use is Use.PROTECT:
            continue  # it has a successor, and a next step of its own below
        day = alarm.ends.date().isoformat()
        make, verb = (failed, "ended") if alarm.over else (warned, "ends")
        yield make(
            "keys",
            Fault.CRYPTOPERIOD,
            f"the time of the {alarm.purpose} key {alarm.key_id} to {alarm.use} {verb} on {day}",
            "put a new key in its place: padan-keys rotate, or create and activate",
        )
    for (purpose, _), key in beside.items():
        ends = cryptoperiod.end(purpose, key, Use.PROTECT)
        until = "" if ends is None else f" until {ends.date().isoformat()}"
        signs = cryptoperiod.may_protect(purpose, key, now=now)
        make, does = (
            (warned, f"signs beside the new one{until}") if signs else (failed, f"signed{until} only")
        )
        yield make(
            "keys",
            Fault.CRYPTOPERIOD,
            f"the {purpose} key {key.key_id} was replaced and {does}",
            "once every witness, auditor and agency has the new key (docs/operate.md): "
            f"padan-keys deactivate {purpose} {key.key_id}",
        )
