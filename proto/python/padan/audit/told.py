"""How an answer to a resident is written, and told to the auditor who made it."""

from __future__ import annotations

import json as json_format
import os
import sys
from typing import TYPE_CHECKING

import typer

from padan import personfile
from padan.audit import answer
from padan.audit.span import moment_text
from padan.cli.console import print_json
from padan.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from padan.audit.answer import Answer
    from padan.audit.search import Tally
    from padan.audit.span import Needed, Span


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


def tell_needed(needed: Needed, asked: Span) -> None:
    """Show an auditor what a part would give, before it is given."""
    first, last = (moment_text(moment) for moment in (needed.first, needed.last))
    spared = f"; {needed.spared} periods are not needed" if needed.spared else ""
    sys.stderr.write(
        f"this is about log time {asked}\n"
        f"you would give your part of {len(needed.envelopes)} periods, with entries from {first} to {last}{spared}\n"
        "whoever gets it opens these periods without you from then on, for any resident whose handles they have\n"
    )


def tell_part(out: Path, needed: Needed, asked: Span, *, auditor: str, json: bool) -> None:
    """Print what a part gives."""
    periods = len(needed.envelopes)
    if json:
        document = {"part": str(out), "auditor": auditor, "periods": periods, "spared": needed.spared}
        document |= {"foreign": needed.foreign, **asked.bounds}
        document |= {"first": moment_text(needed.first), "last": moment_text(needed.last)}
        print_json(document)
        return
    typer.echo(f"{out}: the part of {auditor}, {periods} periods, proved")
    sys.stderr.write(
        f"when the answer is given: padan-audit subject forget, for {out} and the request's files\n"
    )
    tell_foreign(needed.foreign)


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
    if not made.covers.is_whole:
        typer.echo(f"looked through {made.covers}, and no further")
    typer.echo(answer.words_of_clock(made))
    typer.echo(f"{out}{os.sep}answer.pdf, answer.csv, answer.json: for the resident")
    sys.stderr.write(
        "for the auditor: once this is given to the resident, padan-audit subject forget, for the request and the "
        "parts, wherever they lie: they open more than the answer shows\n"
    )
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
