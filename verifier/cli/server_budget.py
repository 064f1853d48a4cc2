"""`padan-server budget`: let a resident be asked about again whose guesses of the day are spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import new_app
from verifier import officers
from verifier.cli import proposal
from verifier.cli.server_officer import File, Key, open_ceremony, report, stand
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri
from verifier.resident import unlock

if TYPE_CHECKING:
    from keys.ceremony import Proposal
    from verifier.cli.proposal import Desk

app = new_app("budget", summary="Guesses about a resident: propose and execute a reset, by two officers.")


@app.command()
def propose(
    key: Key,
    out: Annotated[Path, typer.Option("--out", help="The proposal's file, new.")],
    agency: Annotated[
        str, typer.Option(help="At which agency; default only what counts over all agencies.")
    ] = "",
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Propose that today's failed guesses about a resident be forgotten, and approve it oneself.

    The number is asked for, or read from the first line of standard input; the file does not hold it.
    """

    def make(desk: Desk, proposer: str, now: int) -> Proposal:
        if agency:
            desk.opened.directory.agency(agency)
        return unlock.propose(
            desk.agent,
            desk.vault,
            desk.nik,
            agency=agency,
            needed=officers.NEEDED,
            proposer=proposer,
            now=now,
        )

    proposal.propose(settings(), make, key=key, kek=kek, out=out, as_json=as_json)


@app.command()
def reset(file: File, as_json: AsJson = False) -> None:
    """Execute what two officers agreed on: at once, once, and with an entry that names who agreed.

    The number is asked for again, or read from the first line of standard input.
    """
    chosen = settings()
    agreed = open_ceremony(chosen, file)
    unlock.read(agreed.proposal)
    stand(chosen, agreed).require_approved()
    with proposal.desk(chosen) as desk:
        unlock.execute(desk.agent, desk.vault, agreed, desk.nik, office=desk.office(chosen))
    if as_json:
        report(chosen, agreed, as_json=True)
    else:
        typer.echo(f"done and logged: {officers.describe(agreed.proposal)}")
