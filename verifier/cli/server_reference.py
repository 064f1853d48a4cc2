"""`padan-server reference`: biometric references, loaded from the registry and looked after one resident at a time."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier import host_keys, migrations, thresholds
from verifier.cli import proposal
from verifier.cli.biometric_options import ModalityOption
from verifier.cli.register import writing
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson
from verifier.projector import progress
from verifier.reference.counting import count
from verifier.reference.desk import ReferenceDesk
from verifier.reference.loading import Load
from verifier.reference.residents import Residents
from verifier.reference.source import ReferenceFile
from verifier.reference.writer import open_writer
from verifier.resident.table import MarkTable
from verifier.rotation.workplace import operator
from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from padan.nik import Nik
    from verifier.config import Settings
    from verifier.reference.desk import Done

app = new_app(
    "reference",
    summary="Biometric references: load them, renew, upgrade or withdraw a resident's, count them.",
)


Extractor = Annotated[
    str, typer.Option("--extractor", help="What made the templates, NAME/VERSION.", metavar="NAME/VERSION")
]
Templates = Annotated[
    list[Path],
    typer.Argument(metavar="TEMPLATE...", help="Files of one padan.v1.Template each, one a capture."),
]


@app.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE.parquet", help="One row a capture.")],
    *,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where rejected rows are listed (.csv, else JSON lines); default in data_dir."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load references from the registry's extract into the epoch in use.

    Columns: nik, modality, position, extractor, template; the rows of one position stand together. Every capture is
    either stored or listed among the rejects with its row, field and rule. The same command after a kill goes on.
    """
    chosen = _upgraded()
    source = ReferenceFile.open(file)
    target = rejects or chosen.data_dir / "references" / f"rejects-{source.digest.hex()[:16]}.jsonl"
    with (
        writing(chosen) as opened,
        closing(host_keys.unlock(chosen)) as agent,
        progress.Silence() if as_json else progress.for_terminal() as meter,
    ):
        found = Load(chosen, agent, opened.log, meter=meter).run(source, target)
    if as_json:
        print_json(asdict(found))
        return
    typer.echo(
        f"{found.rows:,} rows read, {found.stored:,} references stored, {found.rejected:,} rows rejected"
    )
    typer.echo(f"{found.seconds:,.1f} s")
    if found.resumed:
        typer.echo(f"went on after {found.resumed:,} rows that were read before")
    if found.rejected:
        typer.echo(f"rejected rows: {found.rejects}")


@app.command()
def renew(
    modality: ModalityOption, extractor: Extractor, templates: Templates, *, as_json: AsJson = False
) -> None:
    """Put new captures of one position in the place of a resident's references, with the resident present.

    The number is asked for, or read from the first line of standard input.
    """
    data = _read(templates)
    with _desk() as (desk, nik):
        done = desk.renew(nik, modality, extractor, data)
    _tell(done, as_json=as_json)


@app.command()
def upgrade(
    modality: ModalityOption, extractor: Extractor, templates: Templates, *, as_json: AsJson = False
) -> None:
    """Put captures by another extractor in the place of a resident's references of a modality.

    The number is asked for, or read from the first line of standard input.
    """
    data = _read(templates)
    with _desk() as (desk, nik):
        done = desk.upgrade(nik, modality, extractor, data)
    _tell(done, as_json=as_json)


@app.command()
def withdraw(
    modality: ModalityOption,
    *,
    position: Annotated[
        int | None, typer.Option(min=0, max=10, help="Only this finger or eye; default all of the modality.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete a resident's references of a modality.

    The number is asked for, or read from the first line of standard input.
    """
    with _desk() as (desk, nik):
        done = desk.withdraw(nik, modality, position)
    _tell(done, as_json=as_json)


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Count the references of the epoch in use by modality, suite and extractor; every one is opened."""
    chosen = _upgraded()
    with (
        closing(host_keys.unlock(chosen)) as agent,
        open_writer(agent, chosen.vault_database) as writer,
        progress.Silence() if as_json else progress.for_terminal() as meter,
    ):
        found = count(writer, meter=meter)
    rows = [{**asdict(kind), "references": number} for kind, number in sorted(found.items())]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(
            f"{row['modality']:7} {row['suite']:24} {row['extractor']:28} key {row['key_id']:<10}"
            f" {row['references']:>12,}"
        )
    if not rows:
        typer.echo("no references; load them with padan-server reference load")


@contextmanager
def _desk() -> Iterator[tuple[ReferenceDesk, Nik]]:
    """Ask for a number, and open everything for the time of a command."""
    chosen = _upgraded()
    with ExitStack() as opened:
        there = opened.enter_context(proposal.desk(chosen))
        rows = opened.enter_context(closing(open_rows(chosen.vault_database)))
        writer = opened.enter_context(open_writer(there.agent, chosen.vault_database))
        residents = Residents(there.agent, rows, MarkTable(there.opened.directory))
        desk = ReferenceDesk(
            there.agent,
            writer,
            residents,
            there.opened.log,
            operator=operator(),
            calibrated=partial(thresholds.of, chosen),
        )
        yield desk, there.nik


def _read(paths: Sequence[Path]) -> list[bytes]:
    try:
        return [path.read_bytes() for path in paths]
    except OSError as error:
        raise CommandError(
            f"{error.filename}: cannot be read", next_step="name readable files", code=ExitCode.INPUT
        ) from error


def _tell(done: Done, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(f"{done.modality}: {done.stored} references stored, {done.withdrawn} withdrawn; logged")


def _upgraded() -> Settings:
    chosen = settings()
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    return chosen
