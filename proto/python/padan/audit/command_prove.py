"""`padan-audit prove`: bundles of other auditors and receipts of agencies, checked without a network."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from padan import personfile
from padan.audit.mirror import belief, place, proving, receipts
from padan.audit.mirror.receipts import Absence
from padan.audit.options import CopyFolder, PolicyFile, TrustedFile, last_trusted, open_copy
from padan.cli import keyset
from padan.cli.connection import Json  # noqa: TC001 - as above
from padan.cli.console import CommandError, new_app, print_json
from padan.errors import ConfigError, LogProofError
from padan.tlog.proof import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.receipt import Receipt
    from padan.tlog.proof import LogProof

_EXTRA = "pip install 'padan[audit,receipts]'"
_ABSENT = {
    Absence.HIDDEN: (
        "the log has no leaf of these receipts, and the time for it was over when its checkpoint was cosigned",
        (
            "keep receipts, copy and policy, and show them to the registry's supervisor: the service answered these"
            " questions, and its log hides them"
        ),
    ),
    Absence.EARLY: (
        "the copy has no leaf of these receipts, and does not show that the time for it is over",
        (
            "bring the copy up to the log with `padan-audit mirror`, a minute after the receipts' merge delay, and"
            " ask again; only a witness's cosignature says when the copy's checkpoint stood"
        ),
    ),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_app("prove", summary="Check what others give: an auditor's bundle, an agency's receipts.")
    group.command("check")(check)
    group.command("receipt")(receipt)
    app.add_typer(group)


def check(
    bundle: Annotated[
        Path, typer.Argument(help="What `query` or `report` wrote with --prove: a folder or a .zip.")
    ],
    *,
    policy: PolicyFile,
    json: Json = False,
) -> None:
    """Check a bundle without a network: each entry is in the log, and the rows follow from these entries.

    It does not show that no further entry of the log belongs to the answer; a copy of the whole log does. Ends with
    exit code 1 if anything does not fit.
    """
    found = proving.check(bundle, belief.load_policy(policy))
    if json:
        print_json(
            {
                "origin": found.origin,
                "size": found.size,
                "entries": found.entries,
                "rows": found.rows,
                "rows_follow": found.complete,
            }
        )
        return
    follows = (
        "follow from these entries"
        if found.complete
        else "need more of the log than these entries: not checked"
    )
    sys.stdout.write(
        f"{found.entries:,} entries, each in the log {found.origin} at {found.size:,} leaves; the {found.rows:,} rows "
        f"{follows}\n"
    )


def receipt(
    copy: CopyFolder,
    files: Annotated[
        list[Path],
        typer.Argument(help="Receipts that agencies hold: each a file with a JWS in compact form."),
    ],
    *,
    policy: PolicyFile,
    keys: Annotated[Path, typer.Option(help="The service's keys, a JWK Set: `padan info --jwks`.")],
    trusted: TrustedFile = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the proof of each receipt into this folder, for whoever holds it."),
    ] = None,
    json: Json = False,
) -> None:
    """Check that the questions behind receipts stand in the log, without a network.

    The copy is checked whole on the way; its private entries are not needed. Ends with exit code 1 if a receipt is none
    of the service's, or if the log hides its question: the time was over when the copy's checkpoint was cosigned.
    """
    known = keyset.read(keys)
    read = [_receipt(file, known) for file in files]
    rules = belief.load_policy(policy)
    found = receipts.look(open_copy(copy), rules, last_trusted(copy, trusted, rules), read)
    shown = [
        {"file": str(file), "index": each.index}
        if not isinstance(each, Absence)
        else {"file": str(file), "index": None, "absent": each.value}
        for file, each in zip(files, found, strict=True)
    ]
    if out is not None:
        _save(out, files, found)
    if json:
        print_json(shown)
    else:
        for file, each in zip(files, found, strict=True):
            said = "not in the copy" if isinstance(each, Absence) else f"entry {each.index + 1:,}"
            typer.echo(f"{file}: {said}")
    _require(files, found)


def _receipt(file: Path, keys: dict[str, object]) -> Receipt:
    try:
        from padan.receipt import check as check_receipt  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        raise CommandError("joserfc is not installed", next_step=_EXTRA) from None
    return check_receipt(personfile.read(file).decode("ascii", errors="replace").strip(), keys)


def _save(folder: Path, files: Sequence[Path], found: Sequence[LogProof | Absence]) -> None:
    if len({file.name for file in files}) < len(files):
        raise ConfigError(
            "two receipts have the same file name, and --out writes one proof for each name",
            next_step="give the receipts names of their own, or leave --out out",
        )
    for file, each in zip(files, found, strict=True):
        if not isinstance(each, Absence):
            place.write(folder / f"{file.name}{SUFFIX}", each.encode())


def _require(files: Sequence[Path], found: Sequence[LogProof | Absence]) -> None:
    """Refuse what is not there.

    Raises:
        LogProofError: with the receipts that are meant.
    """
    for absence, (what, next_step) in _ABSENT.items():
        absent = [str(file) for file, each in zip(files, found, strict=True) if each is absence]
        if absent:
            raise LogProofError(f"{what}: {', '.join(absent)}", next_step=next_step, reason=absence.value)
