"""`padan-audit verify`: a copy, held against what was trusted last."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan.audit.mirror import belief, verification
from padan.audit.mirror.database import Database
from padan.audit.options import (
    CopyFolder,
    PolicyFile,
    TrustedFile,
    last_trusted,
    open_copy,
)
from padan.cli.connection import Json  # noqa: TC001 - as above
from padan.cli.console import print_json
from padan.errors import CopyError, DamageError

if TYPE_CHECKING:
    from padan.audit.mirror.place import Copy
    from padan.audit.mirror.trusted import Holding


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    copy: CopyFolder,
    *,
    policy: PolicyFile,
    trusted: TrustedFile = None,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Compute every column from its entry, whatever the record says of it."),
    ] = False,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="Your grant shows every entry: one that the service has not shown is missing.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check a copy whole: every leaf, every hash and every private entry, against the checkpoint that was trusted last.

    Ends with exit code 1 and the place if anything was changed, dropped, moved, signed again, rolled back or forked.
    """
    opened, rules = open_copy(copy), belief.load_policy(policy)
    found = verification.verify(opened, rules, last_trusted(copy, trusted, rules), anew=anew)
    holding = found.holding
    if complete:
        _require_complete(opened, holding, found.checkpoint.size)
    if json:
        said: dict[str, Any] = {
            "origin": found.checkpoint.origin,
            "size": found.checkpoint.size,
            "trusted_size": found.trusted.size,
        }
        if holding is not None:
            said |= {"entries": holding.held, "erased": holding.erased, "not_shown": holding.unseen}
        print_json(said)
        return
    sys.stdout.write(
        f"{found.checkpoint.origin}: {found.checkpoint.size:,} leaves; each stands where the signed tree says, and the "
        f"tree of {found.trusted.size:,} leaves that was trusted is its beginning\n"
    )
    if holding is not None:
        sys.stdout.write(
            f"private entries up to {holding.through:,}: {holding.held:,} held, each the leaf at its place; "
            f"{holding.erased:,} erased; {holding.unseen:,} that the grant does not show\n"
        )


def _require_complete(copy: Copy, holding: Holding | None, size: int) -> None:
    """Refuse a copy that has not an entry for each leaf.

    How far entries were asked for stands in the copy's own database, which whoever can write there can change: only
    the tree's size says where the end is.

    Raises:
        CopyError: no private entries were fetched, or not to the end of the tree.
        DamageError: with the first place that is missing, or one that the tree has not.
    """
    if holding is None:
        raise CopyError(
            "the copy holds no private entries", next_step="fetch them with `padan-audit mirror --entries`"
        )
    if holding.through > size:
        raise DamageError(
            f"the copy's database speaks of place {holding.through:,}, and the signed tree ends at {size:,}: one of "
            "them was changed or put back",
            next_step="keep the copy, find who could write there, and mirror anew",
            reason="entry",
        )
    if holding.through < size:
        raise CopyError(
            f"private entries were fetched up to {holding.through:,} only, and the tree has {size:,} leaves: whether "
            "one is missing after that is not known",
            next_step="fetch the rest with `padan-audit mirror --entries`, and verify again",
            reason="unfetched",
        )
    if not holding.unseen:
        return
    with Database.open(copy.database) as database:
        place = database.first_missing(holding.through)
    what = "1 entry stands" if holding.unseen == 1 else f"{holding.unseen:,} entries stand"
    raise DamageError(
        f"{what} in the signed tree, and not in what was shown; the first is entry {place}",
        next_step="see that your grant was in force and shows all areas, agencies and alerts; if so, "
        "show this to the registry's supervisor: the tree proves that there was an entry",
    )
