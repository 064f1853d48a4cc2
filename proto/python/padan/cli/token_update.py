"""`padan token update`: the tokens in an agency's file or table, moved to the version that issues, and back."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli import connection, token_update_report
from padan.cli.asking import PATIENCE, ConsentReceipt, LegalBasis, Officer, Patience, Purpose
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName
from padan.cli.console import CommandError, ExitCode
from padan.cli.interrupting import interruptible
from padan.issuing.run import Terms
from padan.updating import opening
from padan.updating.calls import Calls
from padan.updating.undo import undo as take_back
from padan.updating.update import SAMPLE, count
from padan.updating.update import update as move

if TYPE_CHECKING:
    from padan.issuing.issue import Meter
    from padan.updating.update import Summary


def update(
    file: Annotated[
        Path | None,
        typer.Argument(help="A .csv or .parquet file with a column of tokens; or none, and --database."),
    ] = None,
    *,
    column: Annotated[str, typer.Option(help="The column of the tokens.")] = "token",
    database: Annotated[
        str,
        typer.Option(
            envvar="PADAN_TOKEN_DATABASE",
            help="URL of the table's database as SQLAlchemy writes it, such as postgresql+psycopg://user@host/name; "
            "with a password in it, give it as $PADAN_TOKEN_DATABASE.",
        ),
    ] = "",
    table: Annotated[
        str, typer.Option(help="The table, with its schema before a dot where it needs one.")
    ] = "",
    key_column: Annotated[
        list[str] | None,
        typer.Option(help="A column that finds a row of the table; repeatable. Default: its primary key."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Rows that are asked about again at the end; 0 for none.")
    ] = SAMPLE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count rows by version.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Put the old tokens back that are still accepted.")
    ] = False,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Delete the old tokens that are kept; then nothing can be undone."),
    ] = False,
    purpose: Purpose = None,
    officer: Officer = None,
    legal_basis: LegalBasis = None,
    consent_receipt: ConsentReceipt = "",
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Patience = PATIENCE,
    json: Json = False,
) -> None:
    """Move the tokens in a file or a table to the version of their domain that issues, in place; ended early, go on.

    Everything but the tokens stays as it is. The old tokens are kept beside the file in FILE.moves (mode 0600), or in
    a table of their own in the same database, until --undo puts them back or --finish deletes them; they can be put
    back as long as `padan info` shows that their version is accepted. Exit codes: 0 every row has a token of the
    version that issues, 1 a proof or the sample failed, 3 some rows are bad and stay as they are, 4 or 5 it ended
    early, 6 it was too late to put all old tokens back.
    """
    place = _place(file, column, database, table, key_column or [])
    if dry_run + undo + finish > 1:
        raise _usage("--dry-run, --undo and --finish are three things", "give one of them")
    if finish:
        _finish(place, as_json=json)
        return
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    terms = Terms(**connection.given(purpose, officer, legal_basis))
    with link.client() as client:
        calls = Calls(client, terms, consent_receipt=consent_receipt)
        token_update_report.warn(calls)
        if dry_run:
            _dry_run(place, calls, as_json=json)
        elif undo:
            _undo(place, calls, as_json=json)
        else:
            _update(place, calls, sample, as_json=json)


def _update(address: opening.Address, calls: Calls, sample: int, *, as_json: bool) -> None:
    with contextlib.closing(address.open(_bound(calls))) as place, contextlib.ExitStack() as until_end:
        until_end.enter_context(interruptible(calls))

        def meter(rows: int, before: int) -> Meter:
            from padan.cli.meter import meter as of  # noqa: PLC0415 - a bar takes a while to import

            return until_end.enter_context(of(rows, before))

        def report(summary: Summary) -> None:
            until_end.close()
            token_update_report.told(summary, calls, place.undo_in, as_json=as_json)

        summary = move(place, calls, meter, report, sample=sample)
    if not summary.written:
        raise CommandError(
            f"stopped; {summary.before + summary.moved:,} of {summary.rows:,} rows are done",
            next_step="run the same command to go on",
            code=ExitCode.UNAVAILABLE,
        )
    if summary.bad:
        raise typer.Exit(int(ExitCode.INPUT))


def _dry_run(address: opening.Address, calls: Calls, *, as_json: bool) -> None:
    with contextlib.closing(address.open(_bound(calls))) as place:
        summary = count(place, calls)
    token_update_report.counted(summary, calls, as_json=as_json)
    if summary.bad:
        raise typer.Exit(int(ExitCode.INPUT))


def _undo(address: opening.Address, calls: Calls, *, as_json: bool) -> None:
    with contextlib.closing(address.open(_bound(calls))) as place:
        undone, custodians = take_back(place, calls)
    token_update_report.undone(undone, as_json=as_json)
    if not custodians:
        sys.stderr.write(
            "warning: the custodians could not be told that the tokens are old again; tell the registry's operator\n"
        )
    if undone.outdated:
        raise CommandError(
            f"{undone.outdated:,} rows keep their new token: the time of their old one's version is over",
            next_step="go on with the new tokens, which stand for the same residents",
            code=ExitCode.STATE,
        )


def _finish(address: opening.Address, *, as_json: bool) -> None:
    with contextlib.closing(address.open({})) as place:
        token_update_report.finished(place.finish(), as_json=as_json)


def _place(file: Path | None, column: str, database: str, table: str, keys: list[str]) -> opening.Address:
    if (file is None) == (not table) or (table and not database) or (keys and not table):
        raise _usage(
            "the place of the tokens is not clear",
            "name a file, or a table with --database URL --table TABLE --column COLUMN",
        )
    return opening.Address(column=column, file=file, database=database, table=table, keys=tuple(keys))


def _bound(calls: Calls) -> dict[str, str]:
    info = calls.info
    return {
        "registry": f"{info.registry_id}/{info.environment}",
        "agency": info.agency_id,
        "token domain": calls.domain.name,
    }


def _usage(cause: str, next_step: str) -> CommandError:
    return CommandError(cause, next_step=next_step, code=ExitCode.USAGE)
