"""`padan-server resident`: two officers restrict, lock or erase a number, lock a modality, or lift that again."""

from __future__ import annotations

import enum
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keys.errors import KeysError
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier import host_keys, migrations, officers
from verifier.cli import proposal
from verifier.cli.register import reading, writing
from verifier.cli.server_officer import File, Key, open_ceremony, report, stand
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri
from verifier.errors import OperatorError, ServiceError
from verifier.projector import progress
from verifier.resident import marking
from verifier.resident.mark import NAMES, Mark
from verifier.resident.marking import Step
from verifier.resident.purge import Purge
from verifier.resident.table import MarkTable

if TYPE_CHECKING:
    from keys.ceremony import Proposal
    from verifier.cli.proposal import Desk
    from verifier.config import Settings

app = new_app("resident", summary="Residents' rights: restrict, lock or erase a number, and lift that again.")


class MarkName(enum.StrEnum):
    """The marks as the command line knows them."""

    ERASED = "erased"
    RESTRICTED = "restricted"
    LOCKED = "locked"
    FACE_LOCKED = "face-locked"
    FINGER_LOCKED = "finger-locked"
    IRIS_LOCKED = "iris-locked"


@app.command()
def propose(
    *,
    key: Key,
    out: Annotated[Path, typer.Option("--out", help="The proposal's file, new.")],
    put: Annotated[MarkName | None, typer.Option("--set", help="What to mark the number as.")] = None,
    lift: Annotated[MarkName | None, typer.Option("--lift", help="Which mark to take off it.")] = None,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Propose to mark a resident's number, or to lift a mark, and approve it oneself.

    The number is asked for, or read from the first line of standard input; the file does not hold it.
    """
    if (put is None) == (lift is None):
        raise CommandError("either --set or --lift", next_step="say what is to be done", code=ExitCode.INPUT)
    step, mark = (Step.SET, _mark(put)) if put is not None else (Step.LIFT, _mark(lift))

    def make(desk: Desk, proposer: str, now: int) -> Proposal:
        return marking.propose(
            desk.agent,
            desk.vault,
            desk.nik,
            step=step,
            mark=mark,
            needed=officers.NEEDED,
            proposer=proposer,
            now=now,
        )

    proposal.propose(_upgraded(), make, key=key, kek=kek, out=out, as_json=as_json)


@app.command()
def execute(file: File, as_json: AsJson = False) -> None:
    """Execute what two officers agreed on, once, with an entry; running services follow within seconds.

    The number is asked for again, or read from the first line of standard input. An erasure also removes the person's
    rows from every epoch, which reads each row once.
    """
    chosen = _upgraded()
    agreed = open_ceremony(chosen, file)
    wanted = marking.read(agreed.proposal)
    stand(chosen, agreed).require_approved()
    with proposal.desk(chosen) as desk:
        marking.execute(desk.agent, desk.vault, agreed, desk.nik, office=desk.office(chosen))
        if wanted.step is Step.SET and wanted.mark is Mark.ERASED:
            _purge(chosen, desk, as_json=as_json)
    if as_json:
        report(chosen, agreed, as_json=True)
    else:
        typer.echo(f"done and logged: {officers.describe(agreed.proposal)}")


def _purge(chosen: Settings, desk: Desk, *, as_json: bool) -> None:
    try:
        with progress.Silence() if as_json else progress.for_terminal() as meter:
            Purge(chosen, desk.agent, desk.opened.log, meter=meter).run()
    except (
        ServiceError,
        OperatorError,
        KeysError,
    ) as error:  # the proposal is spent: to execute it again is refused
        raise CommandError(
            f"erased and logged, but rows may still lie in the vault: {error}",
            next_step="run 'padan-server resident purge'",
            code=ExitCode.UNAVAILABLE,
        ) from error


@app.command()
def count(as_json: AsJson = False) -> None:
    """Count the marks, and the erased people whose rows may still lie in the vault."""
    with reading(_upgraded()) as directory:
        marks = MarkTable(directory)
        counts = {**marks.counts(), "to_purge": len(marks.unpurged())}
    if as_json:
        print_json(counts)
        return
    for name, number in counts.items():
        typer.echo(f"{name.replace('_', ' '):14} {number:>10,}")


@app.command()
def purge(
    *,
    everyone: Annotated[
        bool,
        typer.Option(
            "--everyone",
            help="Of all who were ever erased: after a vault was put back by other means than backup restore.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the rows of erased people from every epoch; nothing is answered about them meanwhile either."""
    chosen = _upgraded()
    with (
        writing(chosen) as opened,
        closing(host_keys.unlock(chosen)) as agent,
        progress.Silence() if as_json else progress.for_terminal() as meter,
    ):
        replaced = Purge(chosen, agent, opened.log, everyone=everyone, meter=meter).run()
    if as_json:
        print_json({"rows": {str(epoch): rows for epoch, rows in replaced.items()}})
        return
    for epoch, rows in replaced.items():
        typer.echo(f"epoch {epoch}: {rows:,} rows removed")
    if not replaced:
        typer.echo("nobody to purge")


def _mark(name: MarkName | None) -> Mark:
    return NAMES[str(name).replace("-", "_")]


def _upgraded() -> Settings:
    chosen = settings()
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    return chosen
