"""How a population is read, as options of every command that projects one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from verifier.cli.day import read_day
from verifier.projector import fieldmap
from verifier.projector.fieldmap import FieldMap
from verifier.projector.order import CHUNK_ROWS, Order

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A .csv or .parquet file, or a database: postgresql://USER@HOST/DATABASE#TABLE, sqlite:///FILE#TABLE.",
    ),
]
Table = Annotated[str, typer.Option(help="The table of a database, instead of #TABLE.")]
FieldMapFile = Annotated[
    Path | None,
    typer.Option(
        "--field-map",
        help="TOML: [columns] FIELD = 'column', [defaults] FIELD = 'value', [csv] delimiter, [absent] fields.",
    ),
]
AsOf = Annotated[str, typer.Option(help="The day that the source speaks of, YYYY-MM-DD; default today.")]
Workers = Annotated[
    int | None, typer.Option(min=1, max=256, help="Worker processes; default one a processor.")
]
Decoys = Annotated[
    int | None,
    typer.Option(min=2, help="Rows that are nobody's; default one for every 64 people, at least 256."),
]
ChunkRows = Annotated[
    int,
    typer.Option(min=1, max=65_536, help="Rows that a worker holds at once; a killed load loses so many."),
]
Rejects = Annotated[
    Path | None,
    typer.Option(help="Where rejected rows are listed (.csv, else JSON lines); default in data_dir."),
]


def order_of(
    source: str,
    *,
    table: str = "",
    field_map: Path | None = None,
    as_of: str = "",
    workers: int | None = None,
    decoys: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    rejects: Path | None = None,
    activate: bool = False,
    fresh: bool = False,
) -> Order:
    """Read what was asked for.

    Raises:
        FieldMapError: the field map cannot be used.
    """
    return Order(
        source=source,
        table=table,
        field_map=fieldmap.load(field_map) if field_map else FieldMap(),
        as_of=read_day(as_of) if as_of else None,
        workers=workers or os.cpu_count() or 1,
        decoys=decoys,
        rejects=rejects,
        activate=activate,
        fresh=fresh,
        chunk_rows=chunk_rows,
    )
