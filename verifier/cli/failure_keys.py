"""What the commands say when keys fail: one row for each error class, with the next step."""

from __future__ import annotations

import os
from typing import Final

from padan.cli.console import CommandError, ExitCode
from verifier.cli import failure
from verifier.cli.failure import Row

TABLE: Final[dict[str, Row]] = {
    "keys.errors.KeyNotFoundError": Row(
        code=ExitCode.INPUT, next_step="see the keys with padan-keys status; make one with padan-keys create"
    ),
    "keys.errors.KeyStateError": Row(
        code=ExitCode.STATE, next_step="see the states with padan-keys status, and activate or rotate a key"
    ),
    "keys.errors.KeyExpiredError": Row(
        code=ExitCode.STATE, next_step="put a new key in its place: padan-keys rotate, or create and activate"
    ),
    "keys.errors.TransitionError": Row(
        code=ExitCode.STATE,
        next_step="see the states with padan-keys status; docs/formats/keyring.md has the steps",
    ),
    "keys.errors.KeyringMissingError": Row(
        code=ExitCode.INPUT,
        next_step="make a keyring with padan-keys init, or put back its copy and check it",
    ),
    "keys.errors.KeyringExistsError": Row(
        code=ExitCode.STATE, next_step="name another path, or move the file away if it protects nothing"
    ),
    "keys.errors.KeyringFormatError": Row(
        code=ExitCode.INPUT, next_step="use the release that wrote the file, or a newer one"
    ),
    "keys.errors.KeyringIntegrityError": Row(
        code=ExitCode.INPUT,
        next_step="do not use it; put back NAME.bak or another copy, run padan-keys check, and find who changed it",
    ),
    "keys.errors.KeyringConflictError": Row(
        code=ExitCode.UNAVAILABLE, next_step="wait for the other command and run this one again"
    ),
    "keys.errors.EventsError": Row(
        code=ExitCode.INPUT,
        next_step="put back NAME.events.jsonl from a copy; nothing changes keys without it",
    ),
    "keys.errors.KekMismatchError": Row(
        code=ExitCode.INPUT, next_step="name the provider that this keyring was made with: --kek URI"
    ),
    "keys.errors.KekFileError": Row(
        code=ExitCode.INPUT, next_step="put back the KEK file from a copy, or name the right one: --kek URI"
    ),
    "keys.errors.PassphraseError": Row(
        code=ExitCode.INPUT,
        next_step="give the passphrase: ?passphrase-file=PATH or ?passphrase-env=NAME in --kek, or a terminal",
    ),
    "keys.errors.WeakParametersError": Row(
        code=ExitCode.REFUSED,
        next_step="do not use this KEK file; make a new keyring or put back the right file",
    ),
    "keys.errors.ProviderError": Row(
        code=ExitCode.INPUT, next_step="write the provider as --kek 'file:PATH?passphrase-file=PATH'"
    ),
    "keys.errors.SealCountError": Row(code=ExitCode.STATE, next_step="put a new key in its place"),
    "keys.errors.AuditorsKeyError": Row(
        code=ExitCode.INPUT, next_step="make one with padan-keys auditors-keygen and name it in auditors_key"
    ),
    "keys.errors.EnvelopeError": Row(
        code=ExitCode.INPUT, next_step="use the auditors' private key of the period's own time and registry"
    ),
    "keys.errors.HardeningError": Row(
        code=ExitCode.UNAVAILABLE,
        next_step="run this on Linux, outside a sandbox that forbids prctl and setrlimit",
    ),
    "keys.errors.KeyUseError": Row(code=ExitCode.INPUT, next_step="mend the value named above"),
}


def translate(error: Exception) -> CommandError | None:
    """Turn an error into what a person reads; None for a fault of ours."""
    for kind in type(error).__mro__:
        row = TABLE.get(f"{kind.__module__}.{kind.__qualname__}")
        if row is not None:
            return CommandError(str(error), next_step=row.next_step, code=row.code)
    if isinstance(error, OSError):
        cause = os.strerror(error.errno) if error.errno else type(error).__name__
        return CommandError(
            f"{error.filename or 'a file'}: {cause}",
            next_step="check the disk, the path and its owner; the keyring stands as it was",
            code=ExitCode.UNAVAILABLE,
        )
    return failure.translate(error)
