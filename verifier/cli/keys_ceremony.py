"""Commands by which custodians decide together about a keyring: review, approve, cancel, execute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keys import keyceremony
from keys.ceremony import State
from keys.keyceremony import EXPIRED
from keys.keychange import Change
from keys.purpose import Purpose
from padan.cli.console import CommandError, ExitCode, print_json
from verifier.cli import council, domain_end, log_key
from verifier.cli.custody_choice import CHOICE
from verifier.cli.place import Files, Place, placed

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The proposal's file.")]
Named = Annotated[Path, typer.Argument(metavar="FILE", help="The proposal's file; with --server its id.")]
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


@placed
def review(*, file: Named, as_json: AsJson = False, place: Place) -> None:
    """Say in words what a proposal does, what it makes of the keyring, who has approved it, and where it stands.

    It needs the keyring and its history, and not the KEK.
    """
    at = place.table()
    council.show(at, place.open(at, file), as_json=as_json)


@placed
def approve(
    *,
    file: Named,
    key: Key,
    key_kek: KeyKek = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: sign what is shown.")] = False,
    as_json: AsJson = False,
    place: Place,
) -> None:
    """Show a proposal as review does, ask, and sign it; the signature is added to it where it lies.

    It needs the keyring and its history, and not the KEK.
    """
    at = place.table()
    opened = place.open(at, file)
    keyceremony.require_open(keyceremony.standing(at.sitting, opened))
    if not as_json:
        council.show(at, opened, as_json=False)
    if not yes and not typer.confirm("Sign this?", default=False, err=True):
        raise CommandError(
            "nothing was signed",
            next_step="say --yes to sign without a question; padan-keys cancel FILE is against it",
            code=ExitCode.REFUSED,
        )
    signed = place.keep(at, file, keyceremony.approve(at.sitting, opened, council.open_key(key, key_kek)))
    if as_json:
        council.show(at, signed, as_json=True)
        return
    found = council.review(at, signed)
    typer.echo(f"signed:   {file}")
    named = place.words(at, file, signed)
    next_step = (
        place.execution(at, file, signed)
        if found.standing.state is State.APPROVED
        else f"{found.standing.missing} more custodians run padan-keys approve {named} --key KEY"
    )
    typer.echo(f"next:     {next_step}")


@placed
def cancel(
    *,
    file: Named,
    key: Annotated[
        Path | None, typer.Option("--key", help="The custodian's private key: sign against the proposal.")
    ] = None,
    key_kek: KeyKek = "",
    as_json: AsJson = False,
    place: Place,
) -> None:
    """With --key sign against a proposal; without it record that the proposal was cancelled or has expired.

    Its proposer ends a proposal alone, others as many as must approve. Once recorded, no copy of the file is executed.
    """
    if key is None and not isinstance(place, Files):
        raise CommandError(
            "--server: the end of a proposal is recorded on the key host, where the KEK is",
            next_step="sign against it with --key KEY; or on the key host padan-keys cancel FILE",
        )
    at = place.table()
    opened = place.open(at, file)
    if key is None:
        name = CHOICE.custody().close(opened)
        word = "expired" if name == EXPIRED else "cancelled"
        if as_json:
            print_json({"proposal": opened.proposal.id(at.sitting.realm).hex(), "state": word})
        else:
            typer.echo(f"recorded: the proposal is {word}; proposals on the keyring as it was are outdated")
        return
    signed = place.keep(at, file, keyceremony.withdraw(at.sitting, opened, council.open_key(key, key_kek)))
    found = council.show(at, signed, as_json=as_json)
    if not as_json:
        ended = found.standing.state is State.WITHDRAWN
        next_step = "where the keyring is" if ended else "once it is cancelled"
        typer.echo(
            f"next:     {place.record(at, file, signed)}, {next_step}, records it, so that no copy is executed"
        )


def execute(file: File, as_json: AsJson = False) -> None:
    """Do what enough custodians have approved, at once and once; the history says who they were.

    A running service logs it before it answers with the keyring as it is then.
    """
    at = council.table()
    opened = council.open_file(at, file)
    what = keyceremony.subject(opened.proposal)
    domain_end.require_ended(what)
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
    if isinstance(what, Change) and what.ending is not None:
        typer.echo(f"next:     {domain_end.RESTART}")
    if isinstance(what, Change) and what.purpose is Purpose.LOG_SIGNING:
        log_key.tell(ring)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("review")(review)
    app.command("approve")(approve)
    app.command("cancel")(cancel)
    app.command("execute")(execute)
