"""`padan-server registry sync`: the registry's changes from a file, a table or a stream, once or until stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode, print_json
from verifier import logs, migrations
from verifier.cli.authority import read_input
from verifier.cli.settings import settings
from verifier.feed import following, source, watch
from verifier.projector import progress
from verifier.signals import hear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.feed.following import Follower
    from verifier.feed.sync import Summary

_LISTS = ("rejects", "remarks")
_GIVE_WAY = 10
"""Nice value: where processors are short, the service's answers come first."""


def sync(
    where: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A signed file, or where signed blocks are: postgresql://USER@HOST/DATABASE#TABLE,"
            " sqlite:///FILE#TABLE, nats://HOST:PORT/STREAM.",
        ),
    ],
    *,
    table: Annotated[str, typer.Option(help="The table of a database, instead of #TABLE.")] = "",
    begin: Annotated[
        bool,
        typer.Option(
            "--begin",
            help="The load holds everything before the source's first change: follow it from here on.",
        ),
    ] = False,
    holds: Annotated[
        list[str] | None,
        typer.Option(
            "--holds",
            metavar="FEED=POSITION",
            help="The load holds the feed's changes up to this position: follow it after that.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on following a table or a stream, until SIGTERM or SIGINT.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a run, and no progress.")
    ] = False,
) -> None:
    """Apply changes of the registry to the epoch in use.

    Each batch becomes visible whole, within a second, while the service runs. The same command after a kill goes on
    where it was, and what was applied before changes nothing. A change that breaks a rule is listed by its position,
    with field and rule; the rest goes on. A block that cannot be used stops it, named; everything before it is in.
    """
    chosen = settings()
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    os.nice(_GIVE_WAY)
    tell = _print if as_json else _tell
    held = positions(holds or ())
    if "://" not in where:
        if follow:
            raise CommandError(
                "a file cannot be followed", next_step="leave --follow, or name a table or a stream"
            )
        path = Path(where)
        data = read_input(path)
        with progress.Silence() if as_json else progress.for_terminal() as meter:
            summary = following.follow(chosen, path.name, data, begin=begin, holds=held, meter=meter)
        tell(summary)
        return
    blocks = source.open_source(where, table=table)
    if follow:
        logs.configure(chosen.log_level)
        with closing(following.Follower(chosen, blocks, begin=begin, holds=held)) as follower:
            watch.watch(follower, _until_stopped(), tell)
        return
    with progress.Silence() if as_json else progress.for_terminal() as meter:
        follower = following.Follower(chosen, blocks, begin=begin, holds=held, meter=meter)
        _take_all(follower, blocks.name, tell, quiet=as_json)


def _take_all(follower: Follower, name: str, tell: Callable[[Summary], object], *, quiet: bool) -> None:
    """Take in what is there now."""
    runs = 0
    with closing(follower):
        while (summary := follower.step()) is not None:
            tell(summary)
            runs += 1
        follower.purge()
    if not runs and not quiet:
        typer.echo(f"{name}: nothing new")


def positions(texts: Sequence[str]) -> dict[str, int]:
    """Read --holds: what SOURCE, or a load, holds of which feed.

    Raises:
        CommandError: it is written otherwise.
    """
    found = {}
    for text in texts:
        name, _, position = text.rpartition("=")
        if not name or not position.isdecimal():
            raise CommandError(
                "--holds is written FEED=POSITION",
                next_step="give the feed's name and the position of the last change held, such as registry-1=120",
                code=ExitCode.USAGE,
            )
        found[name] = int(position)
    return found


def _until_stopped() -> threading.Event:
    stopping = threading.Event()
    hear((signal.SIGTERM, signal.SIGINT), lambda _: stopping.set())
    return stopping


def _print(summary: Summary) -> None:
    print_json(asdict(summary) | {key: [each._asdict() for each in getattr(summary, key)] for key in _LISTS})
    sys.stdout.flush()


def _tell(summary: Summary) -> None:
    typer.echo(
        f"{summary.source}: position {summary.begun} to {summary.position} of epoch {summary.epoch}:"
        f" {summary.applied:,} applied, {summary.older:,} older than what is there, {summary.known:,} known,"
        f" {len(summary.rejects):,} rejected"
    )
    for reject in summary.rejects:
        typer.echo(f"  rejected: position {reject.row}: {reject.field}: {reject.rule}")
    for remark in summary.remarks:
        typer.echo(f"  note: position {remark.row}: {remark.rule}")
    sys.stdout.flush()
