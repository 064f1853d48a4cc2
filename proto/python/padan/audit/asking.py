"""What the auditors' commands ask a person for: passphrase and number, never arguments, which others could see."""

from __future__ import annotations

import hmac
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from padan import nik, personfile
from padan.cli.console import CommandError, ExitCode
from padan.errors import NikError

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="File with the passphrase in its first line; else it is asked for."
    ),
]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private keys, from padan-audit keys new.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write, new.")]
_ZONE: Final = ZoneInfo("Asia/Jakarta")


def passphrase(source: Path | None, *, new: bool = False) -> str:
    """Read the passphrase from a file, or ask for it; for a new file twice.

    Raises:
        CommandError: the two differ, or the file cannot be read.
    """
    if source is not None:
        lines = personfile.read(source).decode(errors="replace").splitlines()
        return lines[0] if lines else ""
    first = str(typer.prompt("Passphrase", hide_input=True))
    if new and not hmac.compare_digest(
        first.encode(), str(typer.prompt("Once more", hide_input=True)).encode()
    ):
        raise CommandError(
            "the two passphrases differ", next_step="enter the same one twice", code=ExitCode.INPUT
        )
    return first


def number() -> nik.Nik:
    """Ask for a resident's number without showing it; from a pipe, read a line.

    Raises:
        CommandError: it is not a NIK.
    """
    entered = str(typer.prompt("NIK", hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return nik.parse(entered.strip(), datetime.now(_ZONE).date())
    except NikError as error:
        raise CommandError(
            f"the NIK is not valid ({error.reason})",
            next_step="enter its sixteen digits",
            code=ExitCode.INPUT,
        ) from error
