"""`padan-server config`: look an installation over before it is started."""

from __future__ import annotations

from typing import Annotated

import typer

from padan.cli.console import new_app
from padan.cli.findings import print_findings
from verifier.cli.failure import row_of
from verifier.cli.settings import CHOICE
from verifier.inspection.run import inspect

app = new_app("config", summary="The configuration and everything that it names.")


@app.callback()
def _group() -> None:
    """The configuration and everything that it names."""


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Check settings, files, keys, certificates, addresses, databases and people; start and change nothing.

    Each finding names its next step. The exit code is 1 if something would keep the service from answering.
    """
    print_findings(inspect(CHOICE.path, remedy=_next_step), as_json=as_json)


def _next_step(error: Exception) -> str:
    row = row_of(type(error))
    return row.next_step if row is not None else "mend what is named above and run it again"
