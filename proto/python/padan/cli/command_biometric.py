"""`padan biometric`: what a capture device gave, looked at without showing any of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan.biometric import minutiae
from padan.biometric.faults import MAX_BYTES
from padan.biometric.record import FAILED, NOT_REPORTED, dpi
from padan.biometric.template import MAX_RECORD_BYTES
from padan.cli.connection import Json
from padan.cli.console import CommandError, ExitCode, new_app, print_json

if TYPE_CHECKING:
    from padan.biometric.minutiae import Survey
    from padan.biometric.record import View

_SCORES = {NOT_REPORTED: "not reported", FAILED: "not computed"}


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("biometric", summary="Look at what a capture device gave.")
    group.command("inspect")(inspect)
    app.add_typer(group)


def inspect(
    file: Annotated[
        Path, typer.Argument(help="A finger minutiae record: ISO/IEC 19794-2 or ANSI INCITS 378.")
    ],
    json: Json = False,
) -> None:
    """Say what a finger minutiae record is, and whether the service takes it; its minutiae are never shown.

    Ends with exit code 1 if the service would refuse it in a question.
    """
    found = minutiae.survey(_bytes(file))
    obstacles = [*found.problems, *_obstacles(found)]
    if json:
        print_json(_document(found, obstacles))
    else:
        for line in _lines(found, obstacles):
            typer.echo(line)
    if obstacles:
        raise typer.Exit(int(ExitCode.NO))


def _bytes(path: Path) -> bytes:
    """Read a file, and no more of it than shows that it is too long."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror})", next_step="name another file"
        ) from None


def _obstacles(found: Survey) -> list[str]:
    """Say what keeps a record that breaks no rule from being one capture of one finger."""
    if found.record is None:
        return []
    obstacles = []
    if len(found.record.views) > 1:
        obstacles.append("a question takes a record of exactly one view")
    if MAX_RECORD_BYTES < found.size <= MAX_BYTES:
        obstacles.append(f"a question takes a record of at most {MAX_RECORD_BYTES:,} bytes")
    return obstacles


def _document(found: Survey, obstacles: list[str]) -> dict[str, Any]:
    views = found.record.views if found.record else ()
    return {
        "format": found.standard.value if found.standard else None,
        "bytes": found.size,
        "views": [
            {
                "position": view.position,
                "number": view.number,
                "impression": view.impression,
                "quality": [_SCORES.get(each.score, each.score) for each in view.qualities],
                "width": view.width,
                "height": view.height,
                "dpi": [round(dpi(view.x_resolution)), round(dpi(view.y_resolution))],
                "minutiae": len(view.minutiae),
                "extended_bytes": len(view.extended),
            }
            for view in views
        ],
        "problems": obstacles,
    }


def _lines(found: Survey, obstacles: list[str]) -> list[str]:
    lines = [f"format    {found.standard.value if found.standard else 'none that is known'}"]
    over = "more than " if found.size > MAX_BYTES else ""
    lines.append(f"size      {over}{min(found.size, MAX_BYTES):,} bytes")
    views = found.record.views if found.record else ()
    lines += [f"view {ordinal:<4} {_line(view)}" for ordinal, view in enumerate(views, 1)]
    lines += [f"problem   {each}" for each in obstacles]
    return lines if obstacles else [*lines, "problems  none"]


def _line(view: View) -> str:
    across, down = round(dpi(view.x_resolution)), round(dpi(view.y_resolution))
    finger = f"finger {view.position}" if view.position else "unknown finger"
    resolution = f"{across} dpi" if across == down else f"{across} by {down} dpi"
    return f"{finger}, {len(view.minutiae)} minutiae, {view.width} by {view.height} pixels at {resolution}"
