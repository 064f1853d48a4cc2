"""`padan-server registry check`: hold the registry's rows against the vault, through the keys."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import ExitCode, print_json
from verifier import migrations
from verifier.cli.authority import write_output
from verifier.cli.day import read_day
from verifier.cli.settings import settings
from verifier.consistency import report
from verifier.consistency.check import Check
from verifier.consistency.order import Order, RegionLevel, Sample
from verifier.projector import fieldmap, progress
from verifier.projector.fieldmap import FieldMap
from verifier.projector.order import CHUNK_ROWS

if TYPE_CHECKING:
    from verifier.config import Settings

SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The registry's rows, as registry load takes them.")
]
TableOption = Annotated[str, typer.Option(help="The table of a database, instead of #TABLE.")]
FieldMapOption = Annotated[
    Path | None,
    typer.Option("--field-map", help="The field map of the load; [changed] column for --age-column."),
]
AgeColumn = Annotated[
    str, typer.Option("--age-column", help="The column that says when a row last changed; default undated.")
]
RegionOption = Annotated[RegionLevel, typer.Option("--region", help="How finely regions are told apart.")]
Position = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Position of the registry's changes up to which SOURCE holds them; default what the epoch has followed.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def field_map_of(path: Path | None, age_column: str) -> FieldMap:
    """Read the field map, with the column of the last change that an option names.

    Raises:
        FieldMapError: it cannot be used.
    """
    chosen = fieldmap.load(path) if path else FieldMap()
    return replace(chosen, changed=age_column or chosen.changed)


def require_databases(chosen: Settings) -> None:
    """Refuse databases of another release.

    Raises:
        DatabaseVersionError, DatabaseFailedError: one is, or cannot be read.
    """
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)


def check(
    source: SourceArgument,
    *,
    table: TableOption = "",
    field_map: FieldMapOption = None,
    sample: Annotated[
        str, typer.Option(help="About how many people (10000), or which share (2.5%); default all.")
    ] = "",
    epoch: Annotated[
        int | None, typer.Option(min=1, help="The epoch's number; default the active one.")
    ] = None,
    age_column: AgeColumn = "",
    region: RegionOption = RegionLevel.PROVINCE,
    position: Position = None,
    as_of: Annotated[
        str, typer.Option(help="The day that the source speaks of, YYYY-MM-DD; default today.")
    ] = "",
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Worker processes; default one a processor.")
    ] = None,
    chunk_rows: Annotated[
        int,
        typer.Option(
            min=1, max=65_536, help="Rows that a worker holds at once; a killed check loses so many."
        ),
    ] = CHUNK_ROWS,
    rate: Annotated[int, typer.Option(min=0, help="People a second at most; 0 for no limit.")] = 0,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Where the rows that differ are listed (.csv, else JSON lines); default in data_dir."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the report is written, JSON.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Throw away what a killed check of the same terms left.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and no progress.")] = False,
) -> None:
    """Hold the registry's rows against the vault, through the keys.

    Reports agreement by attribute, region and age of the row, and the numbers of rows that differ, never a value. The
    same command after a kill goes on where the check was. Ends with exit code 1 if anything differs.
    """
    chosen = settings()
    require_databases(chosen)
    order = Order(
        source=source,
        table=table,
        field_map=field_map_of(field_map, age_column),
        epoch=epoch,
        sample=Sample.parse(sample),
        position=position,
        as_of=read_day(as_of) if as_of else None,
        region_level=region,
        workers=workers or os.cpu_count() or 1,
        rate=rate,
        chunk_rows=chunk_rows,
        fresh=fresh,
    )
    with progress.Silence() if as_json else progress.for_terminal() as meter:
        made = Check(chosen, order, meter).run(rows)
    if out is not None:
        write_output(out, json.dumps(made.values(), indent=1).encode() + b"\n")
    if as_json:
        print_json(made.values())
    else:
        for line in report.lines(made):
            typer.echo(line)
    if not made.is_clean:
        raise typer.Exit(int(ExitCode.NO))
