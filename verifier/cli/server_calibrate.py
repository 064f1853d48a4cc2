"""`padan-server calibrate`: the thresholds of this installation's biometric comparisons.

Everything is measured first and written at the end, whole or not at all; entries of other extractors, suites and levels
stay as they were.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan.biometric.template import FACE, MAX_DIMENSION
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from tokenizer.biometrics import calibration, evaluation, scorefile, suites, templatefile
from tokenizer.biometrics.calibration import Thresholds
from verifier import thresholds
from verifier.cli.biometric_options import Field, Impostors, ModalityOption, Suite, TemplateFile
from verifier.cli.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizer.biometrics.accuracy import Curve
    from tokenizer.biometrics.calibration import Threshold

app = new_app("calibrate", summary="Find the thresholds of biometric comparisons, and keep them in a file.")


class Level(StrEnum):
    """The levels of assurance, as agreements name them."""

    SUBSTANTIAL = "substantial"
    HIGH = "high"


Extractor = Annotated[
    str,
    typer.Option("--extractor", help="NAME/VERSION of what makes the templates, as captures will name it."),
]
Levels = Annotated[
    list[Level] | None,
    typer.Option("--level", help="substantial (FMR 1 in 1,000) or high (1 in 10,000); default both."),
]
Out = Annotated[
    Path, typer.Option("--out", help="File of thresholds; entries for others in it stay as they are.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def templates(
    file: TemplateFile,
    *,
    modality: ModalityOption,
    extractor: Extractor,
    out: Out,
    level: Levels = None,
    suite: Suite = "",
    field: Field = "",
    impostors: Impostors = None,
    as_json: AsJson = False,
) -> None:
    """Enrol and compare the samples of an .npz file in the service's own flow, and keep the thresholds found."""
    before = _before(out)
    scheme = suites.scheme_of(suite) if suite else suites.enrolling(modality)
    given = templatefile.read(file, modality, field=field)
    measured = evaluation.protected(scheme, given, extractor=extractor, impostors=impostors)
    found = _found(
        measured.curve,
        level,
        extractor=extractor,
        suite=scheme.suite.name,
        people=measured.people,
        elements=measured.elements,
    )
    _keep(found, before=before, out=out, as_json=as_json)


@app.command()
def scores(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Columns kind (genuine or impostor) and score, 0 to 1.")
    ],
    *,
    suite: Annotated[str, typer.Option("--suite", help="The protection under which the scores were made.")],
    extractor: Extractor,
    out: Out,
    level: Levels = None,
    elements: Annotated[
        int | None,
        typer.Option(
            "--elements",
            min=1,
            max=MAX_DIMENSION,
            help="Of each embedding that was compared; needed for faces, and for nothing else.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take scores that were measured elsewhere, in the service's own flow, and keep the thresholds found.

    Of how many people they are a file of scores does not say: answer for that yourself.
    """
    before = _before(out)
    scheme = suites.scheme_of(suite)
    if scheme.suite.modality == FACE and elements is None:
        raise CommandError(
            "of faces it must be known how many elements their embeddings have",
            next_step="add --elements N, where N is how many numbers the extractor makes of a face",
            code=ExitCode.INPUT,
        )
    if scheme.suite.modality != FACE and elements is not None:
        raise CommandError(
            "only the embedding of a face has elements", next_step="leave --elements out", code=ExitCode.INPUT
        )
    found = _found(
        scorefile.read(file), level, extractor=extractor, suite=scheme.suite.name, elements=elements
    )
    _keep(found, before=before, out=out, as_json=as_json)


@app.command()
def show(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Default: the setting biometric_thresholds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the thresholds of a file with their error rates and how sure these are."""
    found = Thresholds.of(file) if file else thresholds.of(settings())
    _print(found.entries, as_json=as_json)


def _before(out: Path) -> Thresholds:
    """Read what is there before anything is measured, so that minutes are not lost to a file that is none."""
    if not out.parent.is_dir():
        raise CommandError(
            f"{out}: its folder is not there", next_step="name a folder that exists", code=ExitCode.INPUT
        )
    return Thresholds.of(out) if out.exists() else Thresholds()


def _found(curve: Curve, levels: list[Level] | None, **named: Any) -> list[Threshold]:
    """Find the threshold of each level, or of none."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return [calibration.calibrate(curve, level=level.value, made=today, **named) for level in levels or Level]


def _keep(found: list[Threshold], *, before: Thresholds, out: Path, as_json: bool) -> None:
    thresholds.write(out, before.replaced(found))
    _print(found, as_json=as_json)


def _print(entries: Sequence[Threshold], *, as_json: bool) -> None:
    if as_json:
        print_json({"thresholds": [asdict(entry) for entry in entries]})
        return
    for entry in entries:
        size = f", embeddings of {entry.elements} elements" if entry.elements else ""
        typer.echo(f"{entry.extractor}, {entry.suite}, {entry.level}: threshold {entry.threshold:.4f}{size}")
        typer.echo(
            f"  FMR  {_rate(entry.fmr)} %, 95 % sure from {_rate(entry.fmr_low)} to {_rate(entry.fmr_high)}, "
            f"of {entry.impostors:,} comparisons of two people"
        )
        typer.echo(
            f"  FNMR {_rate(entry.fnmr)} %, 95 % sure from {_rate(entry.fnmr_low)} to {_rate(entry.fnmr_high)}, "
            f"of {entry.genuine:,} comparisons of one; made {entry.made}"
        )


def _rate(share: float) -> str:
    return f"{100 * share:.4f}"
