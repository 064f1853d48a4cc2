"""The custodian's command line. Each group of commands stands in a module of its own, keys_<group>.py."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import verifier.cli
from keys import process
from keys.errors import HardeningError
from padan.cli.console import CommandError, ExitCode, fail, new_app, run
from verifier.cli.custody_choice import CHOICE
from verifier.cli.failure import translate

if TYPE_CHECKING:
    from types import ModuleType

PREFIX = "keys_"


def _root(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="The server's configuration, for what is not given here; default $PADAN_CONFIG, else ./padan.toml.",
        ),
    ] = None,
    keyring: Annotated[
        Path | None,
        typer.Option(
            "--keyring",
            envvar="PADAN_KEYRING",
            help="The keyring file; its history and backup stand beside it.",
        ),
    ] = None,
    kek: Annotated[
        str,
        typer.Option(
            "--kek",
            envvar="PADAN_KEK",
            help="Who holds the key-encryption key: file:PATH, with ?passphrase-file=PATH or ?passphrase-env=NAME, or "
            "quorum:FOLDER, with ?NAME=PATH for files of custodians' passphrases; without these it asks; "
            "credential:NAME, which systemd lends; or pkcs11:..., a token.",
        ),
    ] = "",
) -> None:
    """Make and look after the keys of the verification service."""
    CHOICE.config_path, CHOICE.keyring, CHOICE.kek = config, keyring, kek


def groups() -> list[ModuleType]:
    """Import the modules of all groups, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(verifier.cli.__path__))
    return [importlib.import_module(f"verifier.cli.{name}") for name in names if name.startswith(PREFIX)]


def build() -> typer.Typer:
    """Build the whole command line: every module's `register` adds its commands."""
    app = new_app("padan-keys", summary="Make and look after the keys of the verification service.")
    app.callback()(_root)
    for module in groups():
        module.register(app)
    return app


def main() -> NoReturn:
    """Run `padan-keys` in a process that leaves no core file and cannot be dumped."""
    try:
        process.harden()
    except HardeningError as error:
        fail(
            CommandError(
                str(error),
                next_step="run this on Linux, outside a sandbox that forbids prctl and setrlimit",
                code=ExitCode.UNAVAILABLE,
            )
        )
    run(build(), translate)
