"""What the operator asks a load for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from verifier.projector.fieldmap import FieldMap

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

CHUNK_ROWS: Final = 4096
"""Rows of a chunk and of a run: some 12 MB while a worker has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the operator asks for.

    Attributes:
        source: a path or a URL.
        table: the table behind a URL.
        field_map: which column is which field.
        as_of: the day that the source speaks of; None is today, or the day of the load that is gone on with.
        workers: worker processes.
        decoys: rows that are nobody's; None is one for every 64 people, at least 256.
        rejects: where the rejects go; None is a file in the data folder.
        activate: whether the epoch is to be active at the end.
        fresh: whether to throw away what a killed load of this source left.
        chunk_rows: rows of a chunk.
        replaces: number of the epoch whose place a rotation gives to this one; 0 for none.
    """

    source: str
    table: str = ""
    field_map: FieldMap = field(default_factory=FieldMap)
    as_of: date | None = None
    workers: int = 1
    decoys: int | None = None
    rejects: Path | None = None
    activate: bool = False
    fresh: bool = False
    chunk_rows: int = CHUNK_ROWS
    replaces: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a load.

    Attributes:
        read: rows of the source.
        loaded: people in the epoch.
        rejected: rows that are not; read = loaded + rejected.
        decoys: rows that are nobody's.
        kept_runs: runs of a killed load that were used.
        seconds: from the start to the ready epoch.
        rate: rows read a second.
        cpu_seconds: processor time of all our processes, without a database server's.
        rate_per_core: rows read a second of processor time.
        peak_memory_mb: largest resident memory of all our processes together.
    """

    epoch: int
    as_of: str
    read: int
    loaded: int
    rejected: int
    duplicates: int
    decoys: int
    rejects_file: str
    ignored_columns: list[str]
    kept_runs: int
    seconds: float
    rate: float
    cpu_seconds: float
    rate_per_core: float
    peak_memory_mb: float
    activated: bool = False
