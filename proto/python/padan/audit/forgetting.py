"""`padan-audit subject forget`: a trail's files go once it is answered, for they open more than the answer says."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from padan import personfile
from padan.audit import partfile, trailfile
from padan.card import PeopleFileError, read_json
from padan.cli.connection import Json  # noqa: TC001 - Typer reads the annotations
from padan.cli.console import CommandError, ExitCode, print_json
from padan.errors import ConfigError


def forget(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Requests and parts of trails that are answered.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: this cannot be taken back.")] = False,
    json: Json = False,
) -> None:
    """Overwrite and remove requests and parts; other files are refused, and nothing is touched then.

    Copies elsewhere, in backups and at other auditors, are not reached.
    """
    files = [*dict.fromkeys(path.resolve() for path in files)]  # by their own names, each once
    for path in files:
        _require_trail(path)
    if not yes and not typer.confirm(
        f"Really overwrite and remove {len(files)} files? This cannot be taken back.", default=False, err=True
    ):
        raise CommandError(
            "nothing was done", next_step="say --yes to do it without a question", code=ExitCode.REFUSED
        )
    for path in files:
        _remove(path)
        if not json:  # at once: where a later one fails it is known what is gone
            typer.echo(f"{path}: overwritten and removed; copies elsewhere are not")
    if json:
        print_json({"removed": [str(path) for path in files]})


def _require_trail(path: Path) -> None:
    """See that a file is of a trail.

    Raises:
        CommandError: it is none.
    """
    data = personfile.read(path)
    for use in (trailfile.REQUEST, partfile.PART):
        try:
            read_json(data, use, most=trailfile.MAX_FILE)
        except PeopleFileError:
            continue
        return
    raise CommandError(
        f"{path}: neither the request nor a part of a trail",
        next_step="name the files of padan-audit subject; nothing was removed",
        code=ExitCode.INPUT,
    )


def _remove(path: Path) -> None:
    """Write zeros over a file's bytes, to the disk, and remove its name.

    Raises:
        ConfigError: it cannot be written or removed.
    """
    try:
        with path.open("r+b", buffering=0) as file:
            left = os.fstat(file.fileno()).st_size
            while left:
                left -= file.write(bytes(min(left, 1 << 20)))
            os.fsync(file.fileno())
        path.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be removed ({error.strerror})",
            reason="file",
            next_step="let it be written and its folder too, and name again what is still there",
        ) from None
