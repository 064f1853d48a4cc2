"""`padan-server evaluate`: how well the service tells people's data apart, on files of examples."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from tokenizer import measure
from tokenizer.biometrics import evaluation, suites, templatefile
from tokenizer.biometrics.evaluation import Evaluation
from tokenizer.errors import VariantsError
from verifier.cli.biometric_options import Field, Impostors, ModalityOption, Suite, TemplateFile

app = new_app("evaluate", summary="Measure comparisons on files of examples.")

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON: groups of pairs; docs/normalisation.md says how.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


# Without it Typer would make the group's only command the group itself.
@app.callback()
def _group() -> None:
    """Measure comparisons on files of examples."""


@app.command()
def names(file: File, as_json: AsJson = False) -> None:
    """Count the pairs of writings that each profile accepts, by class, through the keyed path of a request."""
    result = measure.measure(_pairs(file), today=dt.datetime.now(dt.UTC).date())
    if as_json:
        print_json(result)
    else:
        _print_table(result["levels"])


@app.command()
def biometrics(
    file: TemplateFile,
    *,
    modality: ModalityOption,
    field: Field = "",
    suite: Suite = "",
    impostors: Impostors = None,
    as_json: AsJson = False,
) -> None:
    """Measure error rates, before and after protection, and linkage in the service's flow, on a file of templates."""
    scheme = suites.scheme_of(suite) if suite else suites.enrolling(modality)
    given = templatefile.read(file, modality, field=field)
    measured = evaluation.evaluate(scheme, given, impostors=impostors)
    if as_json:
        print_json(measured.as_dict())
    else:
        _print_biometrics(measured)


def _print_biometrics(measured: Evaluation) -> None:
    result = measured.as_dict()
    plain, protected = result["unprotected"], result["protected"]
    point = measured.protected.at_fmr(evaluation.FMR)
    low, high = (evaluation.percent(limit) for limit in point.fnmr_interval)
    typer.echo(
        f"{result['set']}: {result['modality']}, {result['suite']}, {result['bytes']} bytes a reference"
    )
    typer.echo(f"{'comparisons of one person':<30}{point.genuine:>12,}")
    typer.echo(f"{'comparisons of two people':<30}{point.impostors:>12,}")
    typer.echo(f"{'refused for quality, %':<30}{result['refused_quality']:>12.2f}")
    typer.echo(f"{'':<30}{'unprotected':>12}{'protected':>12}")
    for name, what in (("eer", "EER, %"), ("fnmr_at_fmr_1e-3", "FNMR at FMR 0.1 %, %")):
        typer.echo(f"{what:<30}{plain[name]:>12.2f}{protected[name]:>12.2f}")
    typer.echo(f"{'95 % interval of the latter, %':<42}{f'{low:.2f} - {high:.2f}':>12}")
    for name, what in (
        ("d_sys", "D_sys, fresh keys"),
        ("d_sys_floor", "D_sys, the estimator's floor"),
        ("d_sys_reused_key", "D_sys, one key reused"),
    ):
        typer.echo(f"{what:<42}{protected[name]:>12.3f}")


def _pairs(file: Path) -> list[measure.Pair]:
    try:
        return measure.read(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise CommandError(
            f"{file}: {error.strerror}",
            next_step="give the path of a file that can be read",
            code=ExitCode.INPUT,
        ) from error
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{file}: not UTF-8", next_step="save the file as UTF-8", code=ExitCode.INPUT
        ) from error
    except json.JSONDecodeError as error:
        raise CommandError(
            f"{file}, line {error.lineno}: not JSON ({error.msg})",
            next_step="mend the line named above",
            code=ExitCode.INPUT,
        ) from error
    except VariantsError as error:
        raise CommandError(
            f"{file}: {error}",
            next_step='write groups such as "person_equivalent": [[CLASS, NAME, NAME, SOURCE], ...]',
            code=ExitCode.INPUT,
        ) from error


def _print_table(levels: dict[str, Any]) -> None:
    first, *_ = levels.values()
    typer.echo(f"{'class':<20}{'pairs':>8}" + "".join(f"{level:>12}" for level in levels))
    for name, count in first["classes"].items():
        accepted = "".join(f"{levels[level]['classes'][name]['accepted']:>12}" for level in levels)
        typer.echo(f"{name:<20}{count['pairs']:>8}{accepted}")
