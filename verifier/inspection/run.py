"""The inspection: every step is taken, also after one that failed, so that one run names all there is to mend.

 1 the settings
 2 the files that they name
 3 the keyring
 4 certificates
 5 addresses
 6 databases, and what stands in them
 7 the people who are trusted

Nothing is started, written or asked for: a database is only read, an address is bound for a moment without listening,
and the keyring is unlocked only where its passphrase is at hand.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from keys.errors import KeysError
from keys.period import require_usable
from keys.realm import DEVELOPMENT, Realm
from padan.finding import failed, good, passed, warned
from tokenizer.errors import TokenizerError
from verifier import config, expiry, host_keys, thresholds
from verifier.config import ConfigError
from verifier.dispute import officerkey
from verifier.errors import VerifierError
from verifier.inspection import databases, files, keyring, people
from verifier.inspection.addresses import check_addresses
from verifier.inspection.fault import Fault
from verifier.journal import address
from verifier.migrations import Tree
from verifier.tls import TlsFiles, server_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keys.keyset import Keyring
    from padan.finding import Finding
    from verifier.config import Settings

    Remedy: TypeAlias = Callable[[Exception], str]

STEP: Final = "settings"


def inspect(path: Path | None, *, remedy: Remedy) -> list[Finding]:
    """Look an installation over.

    Args:
        path: the configuration; default as in `verifier.config.path_of`.
        remedy: says for one of our errors what to do next.
    """
    chosen = config.path_of(path)
    try:
        settings = config.load(chosen)  # 1
    except ConfigError as error:
        return [failed(STEP, Fault.SETTING, line, remedy(error)) for line in str(error).splitlines()]
    findings = [*_settings(settings, chosen, remedy)]  # 1
    findings += files.check_files(settings, chosen)  # 2
    findings += _guarded(lambda: keyring.check_keyring(settings), keyring.STEP, Fault.KEYRING, remedy)  # 3
    findings += _guarded(lambda: _tls(settings), "tls", Fault.TLS, remedy)  # 4
    findings += check_addresses(settings)  # 5
    findings += _databases(settings, remedy)  # 6
    findings += people.check_people(settings)  # 7
    return findings


def _guarded(
    step: Callable[[], Iterator[Finding]], name: str, fault: Fault, remedy: Remedy
) -> Iterator[Finding]:
    """Take a step; an error of ours is a finding, and the steps after it are taken too."""
    try:
        yield from step()
    except (KeysError, TokenizerError, VerifierError) as error:
        yield failed(name, fault, str(error), remedy(error))
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else type(error).__name__
        yield failed(
            name, fault, f"{error.filename or 'a file'}: {cause}", "let this user read it, or name another"
        )


def _settings(settings: Settings, path: Path, remedy: Remedy) -> Iterator[Finding]:
    yield good(STEP, f"{path}: {settings.registry_id} ({settings.environment})")
    for variable, meant in config.unknown_variables().items():
        yield warned(
            STEP,
            Fault.UNKNOWN_VARIABLE,
            f"{variable} in the environment is no setting; {meant or 'it changes nothing'}",
            "unset it, or spell it as docs/operate.md does",
        )
    if settings.auditors_key is None:
        yield failed(
            STEP,
            Fault.SETTING,
            "auditors_key is not set, so that no audit period can be opened",
            "make one with padan-keys auditors-keygen and name it in auditors_key"
            if settings.environment == DEVELOPMENT
            else "get the auditors' signed key (docs/auditors.md) and name its file in auditors_key",
        )
    elif settings.auditors_key.is_file():
        yield from _guarded(lambda: _auditors_key(settings), STEP, Fault.SETTING, remedy)
    yield from _guarded(lambda: _dispute_key(settings), STEP, Fault.SETTING, remedy)
    yield from _guarded(lambda: _workers(settings), STEP, Fault.SETTING, remedy)
    yield from _guarded(lambda: _thresholds(settings), STEP, Fault.SETTING, remedy)
    yield from _leader(settings)


def _auditors_key(settings: Settings) -> Iterator[Finding]:
    if settings.auditors_key is not None:
        key = host_keys.auditors_key(settings)
        assert key is not None  # noqa: S101 - the setting names it
        require_usable(key, Realm(registry_id=settings.registry_id, environment=settings.environment))
    yield from ()


def _dispute_key(settings: Settings) -> Iterator[Finding]:
    officerkey.id_of(settings.dispute_key)
    yield from ()


def _thresholds(settings: Settings) -> Iterator[Finding]:
    if settings.biometric_thresholds is not None and settings.biometric_thresholds.is_file():
        for extractor in thresholds.unmeasured(thresholds.of(settings)):
            yield warned(
                STEP,
                Fault.SETTING,
                f"biometric_thresholds: embeddings of {extractor} are compared whatever their number of elements",
                "calibrate it again with padan-server calibrate, which writes the number down",
            )


def _workers(settings: Settings) -> Iterator[Finding]:
    if settings.has_writer:
        address.check_path(settings.journal_socket)
    cores = os.cpu_count() or 1
    if settings.workers > cores:
        yield warned(
            STEP,
            Fault.SETTING,
            f"workers is {settings.workers}, and this machine has {cores} cores",
            "set workers to the number of cores: more of them only share them",
        )


def _leader(settings: Settings) -> Iterator[Finding]:
    """See that a leader of its own, which is another unit than the service's, comes to the log's key."""
    passphrase = files.passphrase_file(settings)
    is_lent = settings.kek.startswith("credential:") or (passphrase is not None and files.is_lent(passphrase))
    if settings.leader == "process" and settings.key_agent_socket is None and is_lent:
        yield warned(
            STEP,
            Fault.SETTING,
            "leader: no agent hands padan-server lead the log's key, and systemd lends what opens it to other units",
            "set workers above 1, or key_agent (docs/install.md)",
        )


def _tls(settings: Settings) -> Iterator[Finding]:
    files_of = TlsFiles(certificate=settings.tls_cert, key=settings.tls_key, client_cas=[settings.client_ca])
    server_credentials(files_of)
    yield good("tls", "certificate and key belong together, and the CA can be read")
    yield from databases.check_ends([*expiry.of_files(settings)])


def _databases(settings: Settings, remedy: Remedy) -> Iterator[Finding]:
    ring = _ring(settings)
    for tree, content in ((Tree.LOG, databases.check_directory), (Tree.VAULT, databases.check_epoch)):
        version = partial(databases.check_version, settings, tree)
        found = [*_guarded(version, databases.STEP, Fault.DATABASE, remedy)]
        yield from found
        if passed(found):
            yield from _guarded(partial(content, settings, ring), databases.STEP, Fault.DATABASE, remedy)
            if tree is Tree.LOG:
                yield from _guarded(partial(databases.check_head, settings, ring), "head", Fault.HEAD, remedy)


def _ring(settings: Settings) -> Keyring | None:
    try:
        return keyring.read_keyring(settings)
    except (KeysError, OSError):
        return None
