"""`padan-audit prove`: bundles of others, checked without a network."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from padan.audit.mirror import belief, proving
from padan.audit.options import PolicyFile  # noqa: TC001 - as above
from padan.cli.connection import Json  # noqa: TC001 - as above
from padan.cli.console import new_app, print_json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_app("prove", summary="Check proofs that another auditor gives.")
    group.command("check")(check)
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
