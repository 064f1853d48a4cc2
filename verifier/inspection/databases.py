"""The databases: there, of this release's version, and at one with the keyring."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from keys.errors import KeyNotFoundError
from padan.finding import failed, good, warned
from verifier import expiry, keyring_events, migrations
from verifier.directory import Directory
from verifier.headfile import HeadFile
from verifier.headkeeper import HeadKeeper
from verifier.inspection import people
from verifier.inspection.fault import Fault
from verifier.log.open import open_log
from verifier.migrations import Tree
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from keys.keyset import Keyring
    from padan.finding import Finding
    from verifier.config import Settings

STEP: Final = "databases"
_ENDS: Final = {
    expiry.Kind.SERVER_CERTIFICATE: "make a new one: padan-server ca issue-server; it is used without a restart",
    expiry.Kind.CA_CERTIFICATE: "make a new CA, and give its certificate to every caller before the old one ends",
    expiry.Kind.CALLER_CERTIFICATE: "have them send a new request, then padan-server agency renew",
    expiry.Kind.AGREEMENT: "have a new version signed, then padan-server agreement activate",
    expiry.Kind.GRANT: "have a new version signed, then padan-server auditor activate",
    expiry.Kind.KEY: "put a new key in its place: padan-keys rotate",
    expiry.Kind.TOKEN_DOMAIN_GRACE: "have custodians end the domain: padan-server token status prints the command",
}


def check_version(settings: Settings, tree: Tree) -> Iterator[Finding]:
    """Check that a database is there and of a version that this release works with.

    Raises:
        OperatorError: it cannot be read, or is of a version that is not known; the message says what.
    """
    database = settings.log_database if tree is Tree.LOG else settings.vault_database
    version = migrations.current(database, tree)
    if version.is_current:
        later = ", upgraded by a later release" if version.is_later else ""
        yield good(STEP, f"{tree.value}: version {version.current}{later}")
        return
    yield failed(
        STEP,
        Fault.DATABASE,
        f"{tree.value}: version {version.current or 'none'}, and this release needs {version.newest}",
        "run padan-server database upgrade",
    )


def check_directory(
    settings: Settings, ring: Keyring | None, *, now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Check what the log's database keeps beside the log: documents, what ends soon, and the keyring's counter.

    Raises:
        LogUnavailableError: it cannot be read.
    """
    with closing(Directory(settings.log_database)) as directory:
        known = keyring_events.known_counter(directory)
        if ring is not None and ring.counter < known:
            yield failed(
                "keyring",
                Fault.KEYRING_ROLLED_BACK,
                f"{settings.keyring}: counter {ring.counter}, but the log has seen {known}",
                "put its newest copy back (padan-keys history says what is missing);"
                " or else padan-server log propose-loss",
            )
        yield from people.check_documents(settings, directory)
        ends = [*expiry.of_directory(directory)]
        if ring is not None:
            grace = settings.token_end_grace_days
            ends += expiry.of_domains(directory, ring, grace_days=grace, now=now())
        yield from check_ends(ends, now=now)


def check_head(settings: Settings, ring: Keyring | None) -> Iterator[Finding]:
    """Check that log and keyring are not older than the head that is kept apart from them.

    Raises:
        OperatorError, LogUnavailableError: they are, or one of the three cannot be read; the message says which.
    """
    if ring is None:
        return
    with (
        closing(open_log(settings.log_database)) as log,
        closing(Directory(settings.log_database)) as directory,
    ):
        HeadKeeper(
            file=HeadFile(settings.head_file, ring.realm),
            log=log,
            directory=directory,
            realm=ring.realm,
            keyring=ring.counter,
        ).check()
        yield good("head", f"log ({log.head().sequence:,} entries) and keyring are not older than the head")


def check_ends(
    deadlines: list[expiry.Deadline], *, now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Tell what ends within 30 days; what has ended fails where the service cannot do without."""
    for each in expiry.soon(deadlines, now=now()):
        over = each.at <= now()
        ours = each.kind in {expiry.Kind.SERVER_CERTIFICATE, expiry.Kind.CA_CERTIFICATE}
        day = time.strftime("%Y-%m-%d", time.gmtime(each.at))
        make = failed if over and ours else warned
        what = each.kind.value.replace("-", " ")
        yield make(
            "expiry",
            Fault.ENDS,
            f"{what} {each.name} {'ended' if over else 'ends'} on {day}",
            _ENDS[each.kind],
        )


def check_epoch(settings: Settings, ring: Keyring | None) -> Iterator[Finding]:
    """Check that an epoch is active, of this registry, and that the keyring holds its keys.

    Raises:
        RegistryUnavailableError: the vault cannot be read.
    """
    with closing(open_vault(settings.vault_database)) as vault:
        active = next((epoch for epoch in vault.epochs() if epoch.state is EpochState.ACTIVE), None)
    if active is None:
        yield warned(
            "epoch",
            Fault.NO_EPOCH,
            "none is active, so that the service would not be ready",
            "load the people: padan-server registry load FILE --activate",
        )
        return
    if active.registry != settings.registry_id:
        yield failed(
            "epoch",
            Fault.OTHER_REGISTRY,
            f"epoch {active.number} is of {active.registry}, and the settings say {settings.registry_id}",
            "name this registry's vault in vault_url",
        )
    missing = [purpose for purpose, key_id in active.key_ids.items() if not _has(ring, purpose, key_id)]
    if missing:
        yield failed(
            "epoch",
            Fault.EPOCH_KEY,
            f"epoch {active.number} needs keys that the keyring does not hold: {', '.join(sorted(missing))}",
            "put back the keyring that the epoch was loaded with, or load the people again",
        )
    else:
        yield good("epoch", f"{active.number} is active, {active.rows - active.decoys:,} people")


def _has(ring: Keyring | None, purpose: str, key_id: int) -> bool:
    if ring is None:
        return True  # the keyring's own step has said what is wrong with it
    try:
        return ring.key(purpose, key_id).state.may_process
    except KeyNotFoundError:
        return False
