"""The service's own CA, as commands open it: its folder from the settings, its passphrase from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from padan.cli.console import CommandError
from verifier.ca import CertificateAuthority

if TYPE_CHECKING:
    from verifier.config import Settings

PassphraseFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--ca-passphrase-file",
        envvar="PADAN_CA_PASSPHRASE_FILE",
        help="File with the passphrase of the CA's key; without it the key is not sealed.",
    ),
]


def read_passphrase(path: Path | None) -> bytes:
    """Read a passphrase; empty where no file is given.

    Raises:
        CommandError: the file cannot be read, or is empty.
    """
    if path is None:
        return b""
    passphrase = read_input(path).removesuffix(b"\n")
    if not passphrase:
        raise CommandError(f"{path}: empty", next_step="write the passphrase into it, on one line")
    return passphrase


def read_input(path: Path) -> bytes:
    """Read a file that a person names.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path}: cannot be read ({error.strerror})", next_step="check the path and who may read it"
        ) from error


def write_output(path: Path, data: bytes) -> None:
    """Write a public file that a person names.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(
            f"{path}: cannot be written ({error.strerror})", next_step="check the folder and who may write it"
        ) from error


def open_authority(settings: Settings, passphrase_file: Path | None) -> CertificateAuthority:
    """Open the CA.

    Raises:
        AuthorityError: there is none, or it does not open.
    """
    return CertificateAuthority.open(settings.ca_dir, passphrase=read_passphrase(passphrase_file))
