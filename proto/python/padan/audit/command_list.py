"""`padan-audit list`: entries of the log, checked."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from padan.audit import entries, render
from padan.audit.listing import Filter, Listed, check
from padan.audit.options import open_client
from padan.cli import connection
from padan.cli.connection import (  # noqa: TC001 - Typer reads the annotations
    Address,
    Ca,
    Cert,
    Json,
    Key,
    ServerName,
    Timeout,
)
from padan.cli.console import print_json
from padan.vocabulary import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from padan.v1 import audit_pb2

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_entries)


def list_entries(
    *,
    agency: Annotated[str, typer.Option(help="Only entries of this agency.")] = "",
    purpose: Annotated[str, typer.Option(help="Only entries under this purpose.")] = "",
    outcome: Annotated[
        str | None, typer.Option(help=f"Only this outcome: {', '.join(word.label for word in Verdict)}.")
    ] = None,
    from_time: Annotated[
        datetime | None, typer.Option("--from", formats=_TIMES, help="From this log time on, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Before this log time, UTC.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Most entries; 0 for all.")] = 100,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print each entry's bytes, salt and leaf, for padan-audit subject.")
    ] = False,
) -> None:
    """List entries of the log, oldest first, and recompute each one's public leaf from its salt and bytes.

    An agency reads its own entries, an auditor what it was granted; the reading is an entry itself. With --json or
    --raw: one document a line. Ends with exit code 1 if an entry does not fit its leaf.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout, audit=True
    )
    wanted = Filter(
        agency=agency,
        purpose=purpose,
        outcome=Verdict.of(outcome) if outcome else None,
        from_time=_utc(from_time),
        until_time=_utc(until),
    )
    with open_client(link, timeout) as client:
        if raw:
            count, erased = _print_raw(client.items(wanted, limit=limit or None))
        else:
            found = client.entries(wanted, limit=limit or None)
            count, erased = _print_documents(found) if json else _print_table(found)
    fit = "1 entry; it fits its leaf" if count == 1 else f"{count} entries; each fits its leaf"
    sys.stderr.write(f"{fit}; {erased} erased, of which the leaf is left\n" if erased else f"{fit}\n")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


def _print_documents(found: Iterable[Listed]) -> tuple[int, int]:
    count = erased = 0
    for item in found:
        checked = {} if item.entry is None else {"leaf_checked": True}
        print_json({**render.document(item.sequence, item.entry, item.leaf), **checked})
        count, erased = count + (item.entry is not None), erased + (item.entry is None)
    return count, erased


def _print_raw(found: Iterable[audit_pb2.LogEntry]) -> tuple[int, int]:
    count = erased = 0
    for item in found:
        is_erased = check(item).entry is None
        print_json(entries.spell(item))
        count, erased = count + (not is_erased), erased + is_erased
    return count, erased


def _print_table(found: Iterable[Listed]) -> tuple[int, int]:
    listed = list(found)
    rows = [render.row(item.sequence, item.entry) for item in listed]
    widths = [max(map(len, column)) for column in zip(render.COLUMNS, *rows, strict=True)]
    for line in (render.COLUMNS, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    erased = sum(item.entry is None for item in listed)
    return len(rows) - erased, erased
