"""padan-server probe: one look at the running service, for whatever restarts it or sends it calls."""

from __future__ import annotations

from typing import Annotated

import typer

from padan.cli.console import ExitCode, print_json
from verifier import scrape
from verifier.cli.settings import settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("probe")(probe)


def probe(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Ask the running service, at metrics_listen, whether it would answer; the exit code is 1 if not, 5 if none runs.

    Opens no database and no key, so that it may run every few seconds.
    """
    ready = scrape.read(settings().metrics_listen).workers_ready
    if as_json:
        print_json({"ready": ready > 0, "workers_ready": ready})
    else:
        typer.echo(f"ready, with {ready} worker{'s' * (ready != 1)}" if ready else "not ready")
    if not ready:
        raise typer.Exit(int(ExitCode.NO))
