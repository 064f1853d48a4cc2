"""`padan-keys paper`: a custodian's keys and share on paper, and back from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from keys import paper, quorum, sharefile
from keys.errors import PaperError
from keys.quorum_provider import keys_path, share_path
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier.cli.authority import read_input, write_output
from verifier.secret_file import write_secret

app = new_app(
    "paper", summary="A custodian's keys and share on paper, under the own passphrase: print, read back."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("print")
def print_(
    keys: Annotated[Path, typer.Argument(metavar="KEYS", help="The custodian's keys: NAME.key.json.")],
    share: Annotated[
        Path, typer.Argument(metavar="SHARE", help="The custodian's share: NAME.GENERATION.share.json.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="A text file to print from; default the terminal.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a custodian's keys and share as groups for paper; without the passphrase they open nothing."""
    found = sharefile.decode(read_input(share))
    groups = paper.write(read_input(keys), found)
    if as_json:
        print_json({"name": found.name, "generation": found.generation, "groups": groups})
        return
    text = "\n".join(
        [
            f"Custodian {found.name} of {found.realm.registry_id} ({found.realm.environment})",
            f"generation {found.generation}, quorum {found.quorum_id.hex()[:16]}",
            "",
            *paper.lines(groups),
            "",
            "Opens nothing without the passphrase, which does not belong on this sheet.",
            "Back from paper: padan-keys paper read QUORUM. The letter O is read as 0, I and L as 1.",
        ]
    )
    if out is None:
        typer.echo(text)
        return
    write_output(out, f"{text}\n".encode())
    typer.echo(f"{out}: print it, compare the last line, and delete the file")


@app.command()
def read(
    quorum_file: Annotated[
        Path, typer.Argument(metavar="QUORUM", help="The quorum's public file, quorum.json.")
    ],
    source: Annotated[
        Path | None, typer.Option("--from", help="A file with the groups; default they are typed.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for both files.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Type a custodian's paper back into the two files; a typing error names its group at once."""
    generations = quorum.decode(read_input(quorum_file))
    typed = read_input(source).decode(errors="replace") if source else _type()
    keys, share = paper.read(typed, *generations)
    paths = [keys_path(out, share.name), share_path(out, share.name, share.generation)]
    for path in paths:
        if path.exists():
            raise CommandError(
                f"{path}: there is a file already",
                next_step="name another folder with --out",
                code=ExitCode.STATE,
            )
    for path, data in zip(paths, (keys, share.encode()), strict=True):
        write_secret(path, data)
    if as_json:
        print_json(
            {"name": share.name, "generation": share.generation, "files": [str(path) for path in paths]}
        )
    else:
        typer.echo(f"{share.name}, generation {share.generation}: {paths[0]} and {paths[1]}")


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="paper")


def _type() -> str:
    """Let a person type line after line; one that is wrong is asked for again."""
    if not sys.stdin.isatty():
        return sys.stdin.read()
    lines: list[str] = []
    typer.echo(f"type the {paper.LINES} lines of groups; case and the number before a line do not matter")
    while len(lines) < paper.LINES:
        line = typer.prompt(f"line {len(lines) + 1}")
        try:
            paper.check_line(len(lines) + 1, line)
        except PaperError as error:
            typer.echo(f"{error}; type the line again")
            continue
        lines.append(line)
    return "\n".join(lines)
