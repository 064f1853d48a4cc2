"""`padan nik`: what a number says by itself, one a line."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from padan.cli.connection import Json
from padan.cli.console import ExitCode, print_json
from padan.nik import NikInfo, describe


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("nik")(nik)


def nik(
    numbers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NIK]...",
            help="Numbers; none or - reads one a line from standard input, which keeps them out of the shell's "
            "history.",
        ),
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="A birth date after this day is refused; default today, UTC."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with exit code 1 if a number is not valid.")
    ] = False,
    json: Json = False,
) -> None:
    """Read numbers strictly and say what their digits say: sex, possible birth dates, region of registration.

    Whether such a person exists is not said. With --json: one document a line, in the order of the numbers.
    """
    day = (today or datetime.now(tz=UTC)).date()
    texts = numbers if numbers and numbers != ["-"] else _lines()
    found = [describe(text, day) for text in texts]
    for info in found:
        if json:
            print_json({name: value for name, value in asdict(info).items() if value not in {None, ()}})
        else:
            typer.echo(_line(info))
    if check and not all(info.valid for info in found):
        raise typer.Exit(int(ExitCode.NO))


def _lines() -> list[str]:
    """Read standard input; only line feeds end a line, so that no other character is taken away."""
    text = sys.stdin.buffer.read().decode(errors="replace")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _line(info: NikInfo) -> str:
    if not info.valid:
        return f"not valid: {info.reason}"
    names = [name for name in (info.district, info.regency, info.province) if name]
    region = ", ".join(names) if names else "region not in the list"
    return f"valid  {info.sex}  {' or '.join(info.birth_dates)}  {region} ({info.prefix_status})"
