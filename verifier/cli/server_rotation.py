"""`padan-server rotation`: the outer or the inner keys of the vault replaced while the service answers."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys import ceremonyfile
from keys.realm import Realm
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier import migrations
from verifier.cli import rotation_next, rotation_project
from verifier.cli.authority import read_input
from verifier.cli.settings import settings
from verifier.projector import progress
from verifier.rotation import restarts, rotator
from verifier.rotation.rotator import Rotator
from verifier.vault.open import open_rotations
from verifier.vault.rotation import RotationState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.ceremonyfile import CeremonyFile
    from verifier.config import Settings
    from verifier.rotation.rotator import Done
    from verifier.vault.rotation import Rotation

app = new_app("rotation", summary="Replace the vault's outer or inner keys while the service answers.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and no progress.")]
People = Annotated[int, typer.Option(min=1, max=100_000, help="How many rows are drawn and compared.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: this cannot be taken back.")]
_GIVE_WAY = 10
"""Nice value: where processors are short, the service's answers come first."""
Newer = Annotated[
    bool,
    typer.Option(
        "--newer",
        help="The source of an inner rotation is newer than the epoch in use: people may differ and be missing.",
    ),
]


@app.command()
def begin(
    *,
    new_keys: Annotated[
        bool, typer.Option("--new-keys", help="Make new outer keys first, where the keyring has none.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Worker processes; default one a processor.")
    ] = None,
    rate: Annotated[
        int, typer.Option(min=0, help="Rows a second at most, of all processes; 0 for no limit.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Move every row into a new epoch under the keyring's new outer keys; the old one goes on answering.

    The same command after a kill goes on where it was. Changes that come in meanwhile go to both.
    """
    chosen = _settings()
    os.nice(_GIVE_WAY)
    with progress.Silence() if as_json else progress.for_terminal() as meter:
        done = Rotator(chosen, meter=meter, workers=workers or os.cpu_count() or 1, rate=rate).begin(
            make_keys=new_keys
        )
    _tell(done, as_json=as_json)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show how far the rotation is, the keys that go with the old epoch, what to type next, and who is to be restarted.

    The keys are written as padan-keys propose retire takes them. A process that began before the cut-off may hold keys
    that are destroyed, until it is restarted.
    """
    chosen = _settings()
    with closing(open_rotations(chosen.vault_database)) as rotations:
        there = rotations.newest_rotation()
        pending = rotations.pending(there)
        behind = {source: lack for source, lack in rotations.behind().items() if lack.position < lack.until}
    due = [] if there is None else restarts.due(chosen, there)
    if as_json:
        values = {} if there is None else _values(there) | _outlook(chosen, there, due=bool(due))
        lacks = {source: {"after": lack.position, "to": lack.until} for source, lack in behind.items()}
        print_json({**values, "lacks": lacks, "pending_changes": pending, "restart_due": due})
        return
    if there is None:
        typer.echo("no rotation; begin one with padan-server rotation begin, or project")
        return
    _print(there)
    if pending:
        typer.echo(f"changes that the other epoch has yet to take: {pending:,}")
    for source, lack in behind.items():
        typer.echo(
            f"the new epoch lacks the changes of {source} after {lack.position}, to {lack.until}:"
            " padan-server rotation replay brings them"
        )
    for process in due:
        typer.echo(f"holds a destroyed key until it is restarted: {process}")
    _print_next(chosen, there, due=bool(due))


@app.command()
def sample(*, people: People = rotator.PEOPLE, newer: Newer = False, as_json: AsJson = False) -> None:
    """Draw rows, open them in both epochs, and compare; nothing of them is shown.

    In an inner rotation it first completes the rows behind tokens that a process of an older release wrote.
    """
    _tell(_rotator(newer=newer).sample(people), as_json=as_json)


@app.command()
def flip(
    *,
    people: People = rotator.PEOPLE,
    hours: Annotated[
        float, typer.Option(min=0, help="How long it is kept reversible; finish waits for that.")
    ] = rotator.HOURS,
    newer: Newer = False,
    as_json: AsJson = False,
) -> None:
    """Answer from the new epoch, if rows that are drawn agree; every server follows within a second."""
    _tell(_rotator(newer=newer).flip(people=people, hours=hours), as_json=as_json)


@app.command()
def revert(*, people: People = rotator.PEOPLE, newer: Newer = False, as_json: AsJson = False) -> None:
    """Answer from the old epoch again, with every change since the flip; until finish."""
    _tell(_rotator(newer=newer).revert(people=people), as_json=as_json)


@app.command()
def finish(
    *,
    now: Annotated[bool, typer.Option("--now", help="Do not wait until it need not be reversible.")] = False,
    keep_keys: Annotated[
        bool, typer.Option("--keep-keys", help="Leave it to the custodians to destroy the old keys.")
    ] = False,
    agreed: Annotated[
        Path | None,
        typer.Option(
            "--agreed", help="Proposal to retire the old keys that enough custodians have approved."
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Drop the old epoch, destroy the keys that were replaced and renew the KEK; no copy of the old rows opens then.

    Custodians of a roster agree before, by padan-keys propose retire; those of a quorum may type passphrases instead.
    """
    _confirm("drop the old epoch and destroy its keys", yes=yes)
    chosen = _settings()
    ceremony = None if agreed is None else _read_ceremony(chosen, agreed)
    done = Rotator(chosen).finish(now=now, keep_keys=keep_keys, agreed=ceremony)
    _tell(done, as_json=as_json)
    if not as_json and not keep_keys:
        typer.echo("the running processes hold the old keys until they are restarted: padan-server reload")


@app.command()
def abandon(*, yes: Yes = False, as_json: AsJson = False) -> None:
    """Give up a rotation that was not flipped: the new epoch goes, the old one goes on answering."""
    _confirm("give the rotation up", yes=yes)
    _tell(_rotator().abandon(), as_json=as_json)


def _settings() -> Settings:
    chosen = settings()
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    return chosen


def _rotator(*, newer: bool = False) -> Rotator:
    return Rotator(_settings(), newer=newer)


def _read_ceremony(chosen: Settings, path: Path) -> CeremonyFile:
    realm = Realm(registry_id=chosen.registry_id, environment=chosen.environment)
    return ceremonyfile.decode(realm, read_input(path))


def _confirm(what: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(f"Really {what}? This cannot be taken back.", default=False, err=True):
        raise CommandError(
            "nothing was done", next_step="say --yes to do it without a question", code=ExitCode.REFUSED
        )


def _tell(done: Done, *, as_json: bool, more: Mapping[str, object] | None = None) -> None:
    if as_json:
        sampled = None if done.sampled is None else done.sampled.drawn
        told = {"carried": done.carried, "sampled": sampled, "resumed": done.resumed}
        print_json({**_values(done.there), **told, **(more or {})})
        return
    if done.resumed:
        typer.echo("went on with the rotation that had begun")
    if done.sampled is not None:
        typer.echo(f"{done.sampled.drawn:,} rows drawn: the same in both epochs")
    if done.carried:
        typer.echo(f"{done.carried:,} changes carried over")
    _print(done.there)
    _print_next(settings(), done.there)


def _print_next(chosen: Settings, there: Rotation, *, due: bool = False) -> None:
    found = rotation_next.outlook(chosen, there, due=due)
    if found.keys:
        typer.echo(f"keys of epoch {there.source} alone: {' '.join(found.keys)}")
    for when, command in found.steps:
        typer.echo(f"{when}: {command}")


def _outlook(chosen: Settings, there: Rotation, *, due: bool) -> dict[str, object]:
    found = rotation_next.outlook(chosen, there, due=due)
    steps = [{"when": when, "command": command} for when, command in found.steps]
    return {"old_keys": list(found.keys), "next": steps}


def _print(there: Rotation) -> None:
    typer.echo(f"{there.name} is {there.state.value}, begun by {there.operator} {_time(there.begun_ms)}")
    if there.state is RotationState.MOVING:
        left = f", {there.left_seconds:,.0f} s left" if there.left_seconds is not None else ""
        done = "people projected" if there.is_inner else "rows moved"
        typer.echo(f"{there.done:,} of {there.total:,} {done}, {there.rate:,} a second{left}")
    if there.state is RotationState.READY and there.missing:
        typer.echo(f"{there.missing:,} numbers of the old epoch are in neither the source nor the feed")
    if there.state is RotationState.FLIPPED:
        typer.echo(f"reversible until finish, which waits until {_time(there.until_ms)}")


def _values(there: Rotation) -> dict[str, Any]:
    return {
        "from": there.source,
        "to": there.target,
        "kind": there.kind.value,
        "state": there.state.value,
        "operator": there.operator,
        "rows": there.total,
        "moved": there.done,
        "rate": there.rate,
        "seconds_left": there.left_seconds,
        "missing": there.missing,
        "untaken": there.untaken,
        "begun": _time(there.begun_ms),
        "ready": _time(there.moved_ms),
        "sampled_at": _time(there.sampled_ms),
        "flipped": _time(there.flipped_ms),
        "reversible_until": _time(there.until_ms),
        "ended": _time(there.ended_ms),
    }


def _time(ms: int | None) -> str:
    return "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


rotation_project.register(app, _settings, lambda done, as_json, more: _tell(done, as_json=as_json, more=more))
