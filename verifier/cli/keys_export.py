"""The command that lets a key leave as bytes. The only module that imports `keys.export`."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer

from keys.export import export_raw
from padan.cli.console import CommandError, ExitCode
from verifier.cli import council
from verifier.cli.custody_choice import CHOICE
from verifier.cli.keyset_name import PurposeOf
from verifier.secret_file import write_secret


def export_secret(
    purpose: PurposeOf,
    key_id: Annotated[int, typer.Argument(min=1, max=2**32 - 1, help="The key's id.")],
    out: Annotated[Path, typer.Option("--out", help="New file, made with mode 0600: base64 of the key.")],
    i_accept: Annotated[
        bool,
        typer.Option("--i-accept-that-the-key-leaves", help="Required: whoever reads the file has the key."),
    ] = False,
    agreed: Annotated[
        Path | None,
        typer.Option(
            "--agreed", help="The approved proposal, from padan-keys propose export; where a roster stands."
        ),
    ] = None,
) -> None:
    """Write one key in the clear, to move it into a device of the custodians' own; recorded in the history before."""
    if not i_accept:
        raise CommandError(
            "a key in the clear is out of this program's protection",
            next_step="if that is what you want, say --i-accept-that-the-key-leaves",
            code=ExitCode.REFUSED,
        )
    if out.exists():
        raise CommandError(f"there is a file {out} already", next_step="name a new file", code=ExitCode.STATE)
    opened = None if agreed is None else council.open_file(council.table(), agreed)
    ring, kek = CHOICE.custody().export(purpose, key_id, recipient=str(out), agreed=opened)
    write_secret(out, base64.b64encode(export_raw(ring, kek, purpose, key_id)) + b"\n")
    typer.echo(f"the {purpose} key {key_id} is in {out}, in the clear")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export-secret")(export_secret)
