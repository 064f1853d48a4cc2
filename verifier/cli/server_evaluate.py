"""`padan-server evaluate`: how well the service tells people's data apart, on files of examples."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from tokenizer import measure
from tokenizer.errors import VariantsError

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
