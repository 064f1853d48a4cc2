"""How an answer to a resident is written, and told to the auditor who made it."""

from __future__ import annotations

import json as json_format
import os
import sys
from typing import TYPE_CHECKING

import typer

from padan import personfile
from padan.audit import answer
from padan.cli.console import print_json
from padan.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from padan.audit.answer import Answer
    from padan.audit.search import Tally


def write(folder: Path, made: Answer) -> None:
    """Write the answer's files into a new folder that only the auditor reads."""
    from padan.audit import paper  # noqa: PLC0415 - takes a tenth of a second, for this command alone

    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be made ({error.strerror})", reason="file", next_step="name a new folder"
        ) from None
    document = json_format.dumps(answer.document(made), indent=1, ensure_ascii=False)
    personfile.write_new(folder / "answer.json", document.encode() + b"\n", secret=True)
    personfile.write_new(folder / "answer.csv", answer.table(made).encode(), secret=True)
    personfile.write_new(folder / "answer.pdf", paper.render(made), secret=True)


def tell(made: Answer, tally: Tally, out: Path, *, opened: int, foreign: int, json: bool) -> None:
    """Print what was found, and for the auditor's eyes what the resident is not shown."""
    unopened = sum(tally.unopened.values())
    if json:
        print_json(
            {
                **answer.document(made),
                "folder": str(out),
                "for_the_auditor": {
                    "looked_at": tally.entries,
                    "erased": tally.erased,
                    "periods": opened,
                    "foreign_periods": foreign,
                    "unopened_entries": unopened,
                    "withheld": dict(made.withheld),
                },
            }
        )
        return
    typer.echo(
        f"{len(made.lines)} entries about the resident, of {tally.entries} looked at, {opened} periods opened"
    )
    typer.echo(answer.words_of_clock(made))
    typer.echo(f"{out}{os.sep}answer.pdf, answer.csv, answer.json: for the resident")
    for article, count in made.withheld.items():
        sys.stderr.write(
            f"for the auditor: {count} entries withheld, delayed by {article}; --lifted ends that\n"
        )
    if tally.erased:
        sys.stderr.write(f"for the auditor: {tally.erased} entries were erased when their time was over\n")
    if unopened:
        sys.stderr.write(
            f"not complete: {unopened} entries about somebody are under {len(tally.unopened)} periods "
            "that were not opened\n"
        )
    tell_foreign(foreign)


def tell_foreign(foreign: int) -> None:
    """Say that periods are sealed to somebody else's key."""
    if foreign:
        sys.stderr.write(
            f"attention: {foreign} periods are sealed to another key than yours; ask the operator whose it is\n"
        )
