"""padan-server reload: have the running service replace its processes."""

from __future__ import annotations

from typing import Annotated

import typer

from padan.cli.console import print_json
from verifier import supervisor
from verifier.cli.settings import settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reload")(reload)


def reload(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Have the running service replace its processes one by one, as SIGHUP does, without a failed call.

    For changed settings, a changed keyring or a new release; addresses and the number of workers stay. It takes a
    service of several workers, among whose messages is how it goes.
    """
    pid = supervisor.tell_to_replace(settings().data_dir)
    if as_json:
        print_json({"pid": pid})
        return
    typer.echo(f"process {pid} replaces its processes; its messages say how it goes")
