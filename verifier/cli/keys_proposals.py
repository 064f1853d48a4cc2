"""`padan-keys proposals`: what lies with the key agent for custodians who are apart."""

from __future__ import annotations

import typer

from keys import summary
from keys.ceremony import State
from padan.cli.console import CommandError, print_json
from verifier.cli import council
from verifier.cli.keys_ceremony import AsJson
from verifier.cli.place import FarDesk, Place, placed


@placed
def proposals(*, as_json: AsJson = False, place: Place) -> None:
    """List the proposals that lie with the key agent of --server: what each does, and what it waits for."""
    if not isinstance(place, FarDesk):
        raise CommandError("no --server is named", next_step="name the custody listener: --server HOST:PORT")
    at = place.table()
    found = [(file, council.review(at, file)) for file in place.proposals(at)]
    if as_json:
        print_json([council.content(at, file, review) for file, review in found])
        return
    for file, review in found:
        waits = f", {review.standing.missing} more must approve" if review.standing.missing else ""
        state = council.STATES[review.standing.state]
        typer.echo(f"{file.proposal.id(at.sitting.realm).hex()}  {state}{waits}")
        typer.echo(f"  {summary.english(review.what).does}")
    if not any(review.standing.state in {State.PENDING, State.APPROVED} for _, review in found):
        typer.echo("none waits")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("proposals")(proposals)
