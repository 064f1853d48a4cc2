"""`padan-server epoch`: the populations that were loaded, and which of them is answered from."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import new_app, print_json
from verifier import host_keys, migrations
from verifier.cli.settings import settings
from verifier.epoch import REGISTRY_ZONE
from verifier.log.open import open_log
from verifier.projector import activation
from verifier.projector import plan as plans
from verifier.projector.reservation import LOADS_FOLDER
from verifier.reference.bringing import Bringing
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from verifier.vault.epoch import Epoch

app = new_app("epoch", summary="Loaded populations: list, activate, drop.")

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The epoch's number.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_epochs(*, as_json: AsJson = False) -> None:
    """List the epochs with their states."""
    with closing(open_writer(_vault())) as writer:
        epochs = [_values(epoch) for epoch in writer.epochs()]
    if as_json:
        print_json(epochs)
        return
    if not epochs:
        typer.echo("no epoch; load a population with padan-server registry load")
    for epoch in epochs:
        typer.echo(
            f"{epoch['number']:>4}  {epoch['state']:8}  {epoch['as_of']}  {epoch['people']:>12,} people"
            f"  normaliser {epoch['normaliser']}  suite {epoch['suite']}"
        )


@app.command()
def activate(number: Number, *, as_json: AsJson = False) -> None:
    """Answer from this epoch; every server follows within a second. A retired one can be activated again."""
    chosen = settings()
    with closing(open_writer(_vault())) as writer, closing(open_log(chosen.log_database)) as log:
        bringing = Bringing(chosen.vault_database, lambda: closing(host_keys.unlock(chosen)))
        before = activation.activate(writer, log, number, bringing)
    if as_json:
        print_json({"active": number, "before": before})
        return
    typer.echo(f"epoch {number} is active" + (f"; epoch {before} is retired" if before else ""))


@app.command()
def drop(number: Number, *, as_json: AsJson = False) -> None:
    """Delete an epoch's rows for good, and what a killed load of it left; the active epoch is refused."""
    loads = settings().data_dir / LOADS_FOLDER
    with plans.alone(loads), closing(open_writer(_vault())) as writer:
        activation.find(writer, number)
        writer.drop(number)
        for plan in plans.unfinished(loads):
            if plan.epoch == number:
                plan.remove()
    if as_json:
        print_json({"dropped": number})
        return
    typer.echo(f"epoch {number} is dropped")


def _vault() -> str:
    database = settings().vault_database
    migrations.require_current(database, migrations.Tree.VAULT)
    return database


def _values(epoch: Epoch) -> dict[str, str | int | dict[str, int]]:
    return {
        "number": epoch.number,
        "state": epoch.state.value,
        "as_of": datetime.fromtimestamp(epoch.as_of_ms / 1000, REGISTRY_ZONE).date().isoformat(),
        "rows": epoch.rows,
        "people": max(epoch.rows - epoch.decoys, 0),
        "decoys": epoch.decoys,
        "registry": epoch.registry,
        "normaliser": epoch.normaliser,
        "suite": epoch.suite,
        "keys": dict(epoch.key_ids),
    }
