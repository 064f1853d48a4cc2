"""Commands by which custodians decide together about a keyring: review, approve, cancel, execute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keys import ceremonyfile, keyceremony
from keys.ceremony import State
from keys.keyceremony import EXPIRED
from keys.keychange import Change
from padan.cli.console import CommandError, ExitCode, print_json
from verifier.cli import council
from verifier.cli.authority import write_output
from verifier.cli.custody_choice import CHOICE

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The proposal's file.")]
Key = Annotated[
    Path,
    typer.Option(
        "--key",
        help="The custodian's private key, from padan-keys roster keygen, or NAME.key.json of one who holds a share.",
    ),
]
KeyKek = Annotated[
    str,
    typer.Option(
        "--key-kek",
        help="What opens it: file:PATH?passphrase-file=PATH where it is sealed; for NAME.key.json "
        "passphrase-file=PATH, else its passphrase is asked for.",
    ),
]


def review(file: File, as_json: AsJson = False) -> None:
    """Say in words what a proposal does, what it makes of the keyring, who has approved it, and where it stands.

    It needs the keyring and its history, and not the KEK.
    """
    at = council.table()
    council.show(at, council.open_file(at, file), as_json=as_json)


def approve(
    file: File,
    key: Key,
    key_kek: KeyKek = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: sign what is shown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a proposal as review does, ask, and sign it; the signature is added to its file.

    It needs the keyring and its history, and not the KEK.
    """
    at = council.table()
    opened = council.open_file(at, file)
    keyceremony.require_open(keyceremony.standing(at.sitting, opened))
    if not as_json:
        council.show(at, opened, as_json=False)
    if not yes and not typer.confirm("Sign this?", default=False, err=True):
        raise CommandError(
            "nothing was signed",
            next_step="say --yes to sign without a question; padan-keys cancel FILE is against it",
            code=ExitCode.REFUSED,
        )
    signed = keyceremony.approve(at.sitting, opened, council.open_key(key, key_kek))
    write_output(file, ceremonyfile.encode(at.sitting.realm, signed))
    if as_json:
        council.show(at, signed, as_json=True)
        return
    found = council.review(at, signed)
    typer.echo(f"signed:   {file}")
    next_step = (
        f"padan-keys execute {file}"
        if found.standing.state is State.APPROVED
        else f"{found.standing.missing} more custodians run padan-keys approve {file} --key KEY"
    )
    typer.echo(f"next:     {next_step}")


def cancel(
    file: File,
    key: Annotated[
        Path | None, typer.Option("--key", help="The custodian's private key: sign against the proposal.")
    ] = None,
    key_kek: KeyKek = "",
    as_json: AsJson = False,
) -> None:
    """With --key sign against a proposal; without it record that the proposal was cancelled or has expired.

    Its proposer ends a proposal alone, others as many as must approve. Once recorded, no copy of the file is executed.
    """
    at = council.table()
    opened = council.open_file(at, file)
    if key is None:
        name = CHOICE.custody().close(opened)
        word = "expired" if name == EXPIRED else "cancelled"
        if as_json:
            print_json({"proposal": opened.proposal.id(at.sitting.realm).hex(), "state": word})
        else:
            typer.echo(f"recorded: the proposal is {word}; proposals on the keyring as it was are outdated")
        return
    signed = keyceremony.withdraw(at.sitting, opened, council.open_key(key, key_kek))
    write_output(file, ceremonyfile.encode(at.sitting.realm, signed))
    found = council.show(at, signed, as_json=as_json)
    if not as_json:
        ended = found.standing.state is State.WITHDRAWN
        next_step = "where the keyring is" if ended else "once it is cancelled"
        typer.echo(
            f"next:     padan-keys cancel {file}, {next_step}, records it, so that no copy is executed"
        )


def execute(file: File, as_json: AsJson = False) -> None:
    """Do what enough custodians have approved, at once and once; the history says who they were.

    A running service logs it before it answers with the keyring as it is then.
    """
    at = council.table()
    opened = council.open_file(at, file)
    what = keyceremony.subject(opened.proposal)
    ring, key_id = CHOICE.custody().execute(opened)
    proposal = opened.proposal.id(ring.realm).hex()
    if as_json:
        print_json(
            {
                "proposal": proposal,
                "action": opened.proposal.action,
                "key_id": key_id or None,
                "counter": ring.counter,
            }
        )
        return
    about = f" key {key_id}" if key_id else ""
    purpose = f" {what.purpose}" if isinstance(what, Change) else ""
    typer.echo(f"executed: {opened.proposal.action}{purpose}{about} (counter {ring.counter})")
    typer.echo(f"proposal: {proposal}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("review")(review)
    app.command("approve")(approve)
    app.command("cancel")(cancel)
    app.command("execute")(execute)
