"""`padan errors`: the table of errors."""

from __future__ import annotations

from typing import Annotated

import typer

from padan import remedy
from padan.cli.connection import Json
from padan.cli.console import CommandError, ExitCode, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("errors")(errors)


def errors(
    reason: Annotated[str | None, typer.Argument(help="Only this reason, for example NO_AGREEMENT.")] = None,
    json: Json = False,
) -> None:
    """Show every reason of an error: its cause and the next step."""
    rows = [row for row in remedy.TABLE.values() if reason is None or row.reason == reason.upper()]
    if not rows:
        raise CommandError(
            "no such reason", next_step="run `padan errors` for the whole table", code=ExitCode.INPUT
        )
    if json:
        print_json(
            [
                {
                    "reason": row.reason,
                    "code": row.code,
                    "exception": row.error.__name__,
                    "cause": row.cause,
                    "next_step": row.next_step,
                    "retry": row.retry,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        typer.echo(f"{row.reason}  ({row.code or 'found here'}, {row.error.__name__})")
        typer.echo(f"    cause: {row.cause}\n    next:  {row.next_step}")
