"""`padan-audit mirror`: the whole log, copied and checked."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan.audit.mirror import belief, fetching, granting
from padan.audit.mirror import trusted as record
from padan.audit.mirror.place import Copy
from padan.audit.mirror.source import open_source
from padan.audit.options import PolicyFile, open_client
from padan.cli import connection
from padan.cli.connection import (  # noqa: TC001 - as above
    Address,
    Ca,
    Cert,
    Json,
    Key,
    ServerName,
    Timeout,
)
from padan.cli.console import print_json
from padan.errors import CopyError

if TYPE_CHECKING:
    from padan.tlog.policy import Policy


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mirror")(mirror)


def mirror(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM", help="Address or folder of the log: where `checkpoint` and `tile` lie."
        ),
    ],
    copy: Annotated[
        Path, typer.Argument(metavar="TO", help="The copy's folder; made, or brought up to date.")
    ],
    *,
    policy: PolicyFile,
    trusted: Annotated[
        Path | None,
        typer.Option(help="Where what is trusted is kept outside of the copy; default TO.trusted."),
    ] = None,
    max_age: Annotated[
        float,
        typer.Option(min=0, help="Hours since the last cosignature after which the log counts as stale."),
    ] = fetching.MAX_AGE / 3600,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Files that are fetched at once.")
    ] = fetching.WORKERS,
    entries: Annotated[
        bool,
        typer.Option(
            "--entries", help="Fetch the private entries too that your grant shows, from the service."
        ),
    ] = False,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Copy a log and check it whole, from the last trusted checkpoint on; run it again to go on or for what is new.

    The copy stands for the new checkpoint only after everything was checked.
    """
    place, rules, kept_at = Copy(copy), belief.load_policy(policy), trusted or record.beside(copy)
    _require_record(kept_at)
    link = None
    if entries:
        link = connection.connection(
            address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout, audit=True
        )
    with place.locked(), contextlib.closing(open_source(source)) as opened:
        done = fetching.mirror(
            opened, place, rules, record=kept_at, now=time.time(), max_age=max_age * 3600, workers=workers
        )
        if 0 < done.before < done.trusted:
            _say_behind(done)
        if link is not None:
            _fetch_entries(place, rules, kept_at, link, timeout)
    _say(done, record.read(kept_at, rules).holding, json=json)


def _fetch_entries(
    place: Copy, rules: Policy, kept_at: Path, link: connection.Connection, timeout: float | None
) -> None:
    with open_client(link, timeout) as client:
        _, fewer = granting.update(client, place, rules, kept_at)
    if fewer:
        sys.stderr.write(
            f"note: the service shows {fewer:,} entries fewer than the copy held before; erased are counted below\n"
        )


def _say_behind(done: fetching.Mirrored) -> None:
    sys.stderr.write(
        f"note: the copy was at {done.before:,} leaves, behind the {done.trusted:,} that were trusted; it went on from "
        "there and fits them. Run `padan-audit verify`, and if you put no older copy back and no power was lost, find "
        "who could write there\n"
    )


def _require_record(path: Path) -> None:
    """Refuse to write over a checkpoint or proof of another party."""
    if path.exists() and not path.read_bytes()[:1] == b"{":
        raise CopyError(
            f"{path} is no record that `mirror` wrote, and would be written over",
            next_step="name another file; `padan-audit verify --trusted` takes checkpoints and proofs of others",
        )


def _say(done: fetching.Mirrored, holding: record.Holding | None, *, json: bool) -> None:
    stated = done.believed.checkpoint
    if json:
        said: dict[str, Any] = {
            "origin": stated.origin,
            "size": stated.size,
            "size_before": done.before,
            "cosigned": len(done.believed.cosignatures),
            "bundles_fetched": done.fetched,
            "bundles_kept": done.kept,
        }
        if holding is not None:
            said |= {"entries": holding.held, "erased": holding.erased, "not_shown": holding.unseen}
        print_json(said)
        return
    sys.stdout.write(
        f"{stated.origin}: {stated.size:,} leaves, {stated.size - done.before:,} of them new; all checked and trusted\n"
        f"signed by the log and cosigned by {len(done.believed.cosignatures)} of the policy's witnesses\n"
    )
    if holding is not None:
        sys.stdout.write(
            f"private entries up to {holding.through:,}: {holding.held:,} held, each the leaf at its place; "
            f"{holding.erased:,} erased; {holding.unseen:,} that the grant does not show\n"
        )
