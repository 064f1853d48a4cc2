"""`padan-server registry`: load the population, follow its changes, and make a fictional one to try with."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import new_app, print_json
from verifier import migrations
from verifier.cli import load_options as options
from verifier.cli import registry_check
from verifier.cli.day import read_day
from verifier.cli.settings import settings
from verifier.cli.syncing import sync
from verifier.projector import progress
from verifier.projector.columns import COLUMNS
from verifier.projector.load import Load
from verifier.projector.order import CHUNK_ROWS
from verifier.synthetic import beneficiaries as aid
from verifier.synthetic import output
from verifier.synthetic.biometrics import trial
from verifier.synthetic.population import DEFAULT_AS_OF, Population, Tally

if TYPE_CHECKING:
    from verifier.projector.order import Summary

app = new_app(
    "registry", summary="The population: load it, follow its changes, check it; or make a fictional one."
)
registry_check.register(app)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and no progress.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same people.")]


@app.command()
def load(
    source: options.Source,
    *,
    table: options.Table = "",
    field_map: options.FieldMapFile = None,
    as_of: options.AsOf = "",
    workers: options.Workers = None,
    decoys: options.Decoys = None,
    chunk_rows: options.ChunkRows = CHUNK_ROWS,
    rejects: options.Rejects = None,
    activate: Annotated[
        bool, typer.Option("--activate", help="Answer from it as soon as it is ready.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Throw away what a killed load of this source left.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load a population into a new epoch.

    Every row is either loaded or listed among the rejects with its number, field and rule; values are never printed or
    kept. The same command after a kill goes on where the load was. Fields are the registry's own names.
    """
    chosen = settings()
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    order = options.order_of(
        source,
        table=table,
        field_map=field_map,
        as_of=as_of,
        workers=workers,
        decoys=decoys,
        chunk_rows=chunk_rows,
        rejects=rejects,
        activate=activate,
        fresh=fresh,
    )
    with progress.Silence() if as_json else progress.for_terminal() as meter:
        summary = Load(chosen, order, meter).run()
    if as_json:
        print_json(asdict(summary))
    else:
        _tell(summary)


def _tell(summary: Summary) -> None:
    state = "active" if summary.activated else "ready"
    typer.echo(f"epoch {summary.epoch} of {summary.as_of} is {state}")
    typer.echo(
        f"{summary.read:,} rows read = {summary.loaded:,} people loaded + {summary.rejected:,} rejected"
        f" ({summary.duplicates:,} of them twice)"
    )
    typer.echo(
        f"{summary.seconds:,.1f} s, {summary.rate:,.0f} people/s, {summary.rate_per_core:,.0f} a processor;"
        f" {summary.peak_memory_mb:,.0f} MB at most"
    )
    if summary.kept_runs:
        typer.echo(f"went on with {summary.kept_runs:,} runs of the load before")
    if summary.ignored_columns:
        typer.echo(f"columns without a field, not read: {', '.join(summary.ignored_columns)}")
    if summary.rejected:
        typer.echo(f"rejected rows: {summary.rejects_file}")
    if not summary.activated:
        typer.echo(f"next: padan-server epoch activate {summary.epoch}")


app.command()(sync)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A .csv or .parquet file.")],
    *,
    people: Annotated[int, typer.Option(min=1, help="People with a number of their own.")] = 100_000,
    seed: Seed = 1,
    as_of: Annotated[str, typer.Option(help="The day on which ages are counted, YYYY-MM-DD.")] = "",
    faults: Annotated[
        bool, typer.Option(help="Add rows that a load must reject: people twice, and broken rows.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Write a fictional population in the registry's columns.

    Nobody in it exists: every number has a serial of 9000 or more, which no office has reached.
    """
    tally, began = Tally(), time.monotonic()
    population = Population(
        people=people, seed=seed, as_of=read_day(as_of) if as_of else DEFAULT_AS_OF, faults=faults
    )
    output.write(out, COLUMNS, population.rows(tally))
    seconds = time.monotonic() - began
    values = {**asdict(tally), "rows": tally.rows, "seconds": round(seconds, 3), "file": str(out)}
    if as_json:
        print_json(values)
        return
    typer.echo(
        f"{out}: {tally.rows:,} rows: {tally.people:,} people ({tally.deceased:,} deceased),"
        f" {tally.duplicates:,} twice, {tally.broken:,} broken; {tally.rows / seconds:,.0f} rows/s"
    )


@app.command()
def beneficiaries(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The list, a .csv or .parquet file.")],
    *,
    population: Annotated[Path, typer.Option(help="A file of `registry synth` to draw from.")],
    truth: Annotated[
        Path | None, typer.Option(help="Where the truth about each line goes; default OUT.truth.csv.")
    ] = None,
    people: Annotated[int, typer.Option(min=1, help="Lines of the list.")] = 1_000,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Draw a social-aid list, with the truth about each line: typing errors, dead, doubled and unknown people."""
    lines = list(aid.draw(population, people=people, seed=seed))
    truth_file = truth or out.with_suffix(f".truth{out.suffix}")
    output.write(out, aid.LIST_COLUMNS, (line.values() for line in lines))
    output.write(truth_file, aid.TRUTH_COLUMNS, (line.truth_values() for line in lines))
    counts = {kind.value: sum(line.truth is kind for line in lines) for kind in aid.Truth}
    if as_json:
        print_json({"file": str(out), "truth_file": str(truth_file), "lines": len(lines), "truth": counts})
        return
    typer.echo(f"{out}: {len(lines):,} lines; the truth: {truth_file}")
    for kind, count in counts.items():
        typer.echo(f"  {kind:18} {count:>8,}")


@app.command()
def captures(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    *,
    population: Annotated[Path, typer.Option(help="A file of `registry synth` to draw from.")],
    people: Annotated[
        int, typer.Option(min=1, help="How many of its first living residents have references.")
    ] = 200,
    visitors: Annotated[
        int, typer.Option(min=0, help="Of how many of these captures are written too, good and bad ones.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same faces.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Make up faces, fingers and irises of fictional residents, to try questions with captures.

    Nobody has them, and no error rate measured on them says anything about real people.
    """
    done = trial.write(out, population, people=people, visitors=visitors, seed=seed)
    if as_json:
        print_json({**asdict(done), "folder": str(out), "extractor": trial.EXTRACTOR})
        return
    typer.echo(
        f"{out}: {done.rows:,} captures of {done.enrolled:,} residents by {trial.EXTRACTOR}; captures of"
        f" {done.visitors:,} of them who come again; sets to calibrate on, which say nothing about real people"
    )
