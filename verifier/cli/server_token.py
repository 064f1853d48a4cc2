"""`padan-server token`: the rows that the service keeps behind agencies' tokens, their keys, and domains that end."""

from __future__ import annotations

import dataclasses
import os
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from keys import ringformat
from keys.provider import ask
from keys.ringfile import RingFile
from padan import times
from padan.cli.console import new_app, print_json
from verifier import host_keys, migrations
from verifier.cli.domain_end import options
from verifier.cli.settings import settings
from verifier.directory import Directory
from verifier.log.open import open_log
from verifier.projector import progress as meters
from verifier.token import ending, rekeying, standing
from verifier.token import progress as agencies
from verifier.token.rekeying import Rekeying

if TYPE_CHECKING:
    from keys.ending import Ending
    from verifier.config import Settings
    from verifier.token.rekeying import Rekeyed
    from verifier.token.standing import Standing

app = new_app("token", summary="Look after the rows behind agencies' tokens, and their keys.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and no progress.")]
_GIVE_WAY = 10
"""Nice value: where processors are short, the service's answers come first."""


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show how many rows there are, under which keys, which domains may be ended, and what to type then.

    Counts every row, and opens none.
    """
    chosen = _upgraded()
    found, ended = standing.read(chosen), _ended(chosen)
    if as_json:
        domains = [{"domain": domain, **end.details, "over": end.due <= time.time()} for domain, end in ended]
        print_json({**_values(found), "ended_domains": domains})
        return
    for name, rows in found.tables.items():
        typer.echo(f"rows of {name}: {sum(rows.values()):,}")
        for ids, count in sorted(rows.items()):
            newest = " (the present ones)" if tuple(ids) == found.primary[name] else ""
            typer.echo(
                f"  {count:>12,} under match {ids.match_id}, index {ids.index_id}, seal {ids.seal_id}{newest}"
            )
    if found.old:
        typer.echo(f"next: padan-server token rekey moves {found.old:,} rows to the present keys")
    if found.unused:
        keys = " ".join(f"{purpose}:{key_id}" for purpose, key_id in found.unused)
        typer.echo(f"keys that nothing stands under any more: {keys}")
        typer.echo(f"to destroy them: padan-keys propose retire {keys} --key KEY --out FILE")
        typer.echo(
            "or by one custodian: padan-keys deactivate PURPOSE ID, then padan-keys destroy PURPOSE ID"
        )
    for domain, end in ended:
        _tell_ended(domain, end)


@app.command()
def progress(*, as_json: AsJson = False) -> None:
    """Show how far agencies say they are with moving their tokens to the newest version of their domain."""
    with closing(Directory(_upgraded().log_database)) as directory:
        found = agencies.read(directory)
    if as_json:
        print_json([dataclasses.asdict(each) for each in found])
        return
    for each in found:
        far = (
            f"{each.done:,} of {each.total:,} tokens, {100 * each.done / each.total:.0f} %"
            if each.total
            else "?"
        )
        at = times.text(datetime.fromtimestamp(each.seconds, tz=UTC))
        typer.echo(f"{each.domain}: version {each.old} to {each.new}, {far}; last call {at}")
    if not found:
        typer.echo("no agency has moved tokens yet")


@app.command()
def rekey(
    *,
    new_keys: Annotated[
        bool, typer.Option("--new-keys", help="Make new keys first, of purposes that have one alone.")
    ] = False,
    rate: Annotated[int, typer.Option(min=0, help="Rows a second at most; 0 for no limit.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Move every row that stands under an older key to the present ones, in place, while the service answers.

    The same command after a kill goes on where it was. Rows of one resident under an older and a newer name become one.
    """
    chosen = _upgraded()
    os.nice(_GIVE_WAY)
    made = (
        rekeying.make_keys(chosen, ringformat.peek(RingFile(chosen.keyring).read()), ask) if new_keys else ()
    )
    with (
        closing(host_keys.unlock(chosen)) as agent,
        closing(open_log(chosen.log_database)) as log,
        meters.Silence() if as_json else meters.for_terminal() as meter,
    ):
        found = Rekeying(chosen, agent, meter=meter, rate=rate).run(log)
    if as_json:
        print_json({"made": list(map(str, made)), "tables": {each.table: _moved(each) for each in found}})
        return
    if made:
        typer.echo(f"new keys: {', '.join(made)}")
    for each in found:
        typer.echo(
            f"rows of {each.table}: {each.moved:,} moved in {each.seconds:,.1f} s, {each.rate:,} a second,"
            f" {each.joined:,} joined with newer ones"
        )
        if each.left:
            typer.echo(f"  {each.left:,} came in under older keys meanwhile: run it again")
    typer.echo("padan-server token status names the keys that may be destroyed")


def _ended(chosen: Settings) -> list[tuple[str, Ending]]:
    ring = ringformat.peek(RingFile(chosen.keyring).read())
    with closing(Directory(chosen.log_database)) as directory:
        named = ending.read(directory)
    return [*ending.waiting(ring, named, grace_days=chosen.token_end_grace_days, now=time.time())]


def _tell_ended(domain: str, end: Ending) -> None:
    over = end.due <= time.time()
    typer.echo(
        f"token domain {domain} of {end.agency}: the agreement {end.agreement} (version {end.version}) ended on "
        f"{end.ended_text}; it may be ended {'since' if over else 'from'} {end.due_text}{'' if over else ' on'}"
    )
    if over:
        typer.echo(
            f"to end it: padan-keys propose end-domain {options(domain, end)} --key KEY --out FILE\n"
            f"or by one custodian: padan-keys end-domain {domain}"
        )


def _moved(each: Rekeyed) -> dict[str, object]:
    return {
        "moved": each.moved,
        "joined": each.joined,
        "left": each.left,
        "seconds": round(each.seconds, 3),
        "rate": each.rate,
    }


def _values(found: Standing) -> dict[str, object]:
    tables = {
        name: {
            "rows": sum(rows.values()),
            "keys": [
                {**ids._asdict(), "rows": count, "present": tuple(ids) == found.primary[name]}
                for ids, count in sorted(rows.items())
            ],
        }
        for name, rows in found.tables.items()
    }
    unused = [f"{purpose}:{key_id}" for purpose, key_id in found.unused]
    return {"tables": tables, "old_rows": found.old, "unused_keys": unused}


def _upgraded() -> Settings:
    chosen = settings()
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    return chosen
