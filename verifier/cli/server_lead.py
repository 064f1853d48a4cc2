"""padan-server lead: be the process that may lead, or say who leads."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode, print_json
from verifier import logs, migrations
from verifier.cli.settings import settings
from verifier.seat import open_seat

if TYPE_CHECKING:
    from verifier.config import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lead")(lead)


def lead(
    *,
    show: Annotated[bool, typer.Option("--show", help="Say who leads, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --show: print JSON.")] = False,
) -> None:
    """Carry what an installation does once (leader = "process"), until SIGTERM or SIGINT; several may stand by.

    One of them leads; another takes over within seconds when it dies or stands still. It keeps one key, the log's.
    """
    chosen = settings()
    if show or as_json:
        _show(chosen, as_json=as_json)
        return
    if chosen.leader != "process":
        raise CommandError(
            'the workers of the service lead by themselves (leader = "service")',
            next_step='set leader = "process" and restart the service, or let it be; --show says who leads',
            code=ExitCode.STATE,
        )
    from verifier.cli.running import run  # noqa: PLC0415 - only what runs on needs these
    from verifier.leading import Leading  # noqa: PLC0415 - as said above

    logs.configure(chosen.log_level)
    run(Leading(chosen))


def _show(chosen: Settings, *, as_json: bool) -> None:
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    with closing(open_seat(chosen.log_database)) as seat:
        lease, now_ms = seat.read()
    age = max(0.0, (now_ms - lease.heartbeat_ms) / 1000)
    if as_json:
        print_json(
            {
                "term": lease.term,
                "holder": lease.holder.hex() or None,
                "heartbeat_ms": lease.heartbeat_ms,
                "heartbeat_age_seconds": age if lease.term else None,
            }
        )
    elif not lease.holder:
        typer.echo(f"nobody leads; the last term was {lease.term}")
    else:
        typer.echo(f"term {lease.term}, led by {lease.holder.hex()}, last heartbeat {age:.1f} s ago")
