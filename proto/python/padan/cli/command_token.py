"""`padan token`: tokens that an agency keeps instead of numbers."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.channel import AT_ONCE
from padan.cli import connection, conversions, token_update
from padan.cli.asking import PATIENCE, LegalBasis, Officer, Purpose
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from padan.cli.interrupting import interruptible
from padan.cli.overlap import overlap
from padan.cli.said import lines
from padan.issuing.calls import Calls
from padan.issuing.granted import bind
from padan.issuing.issue import Order, issue, part_of, refuse_existing, rules
from padan.issuing.part import BAD_ROW
from padan.issuing.people import Columns
from padan.issuing.run import Terms
from padan.table.file import open_table, require_suffix
from padan.token import Token

if TYPE_CHECKING:
    from padan.issuing.issue import Meter, Summary
    from padan.issuing.run import Run


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("token", summary="Tokens that an agency keeps instead of numbers.")
    group.command("show")(show)
    group.command("issue")(issue_)
    group.command("update")(token_update.update)
    group.command("overlap")(overlap)
    conversions.register(group)
    app.add_typer(group)


def show(
    tokens: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOKEN]...", help="Tokens as text; none or - reads one a line from standard input."
        ),
    ] = None,
    *,
    source: Annotated[
        Path | None, typer.Option("--input", help="A file with one token a line, instead of arguments.")
    ] = None,
    json: Json = False,
) -> None:
    """Say of which token domain and version tokens are; whether they were ever issued only the service can say."""
    texts = lines(source) if source is not None or tokens in (None, [], ["-"]) else tokens or []
    for text in texts:
        token = Token.from_text(text)
        if json:
            print_json({"domain": token.domain, "version": token.version})
        else:
            typer.echo(f"{token.domain}, version {token.version}")


def issue_(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="LIST", help="The people: .csv or .parquet, with the columns named in the first line."
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The result: .csv or .parquet; a file that does not exist yet."),
    ],
    nik_column: Annotated[str, typer.Option(help="The column of the numbers.")] = "nik",
    claim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ATTRIBUTE=COLUMN",
            help="The column of a claim; repeatable. Columns that are named like attributes are claims without it.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="A column that is no claim, though named like an attribute; repeatable."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column that goes into the result, such as a customer number; repeatable.",
        ),
    ] = None,
    consent_column: Annotated[
        str, typer.Option(help="The column of consent receipts, where the legal basis is consent.")
    ] = "",
    purpose: Purpose = None,
    officer: Officer = None,
    legal_basis: LegalBasis = None,
    on_behalf_of: Annotated[str, typer.Option(help="Agency for which a reseller asks.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=AT_ONCE, help="Calls under way at once.")] = 16,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds for a row with all its attempts.")
    ] = PATIENCE,
    json: Json = False,
) -> None:
    """Have tokens issued for the people of a list; ended early, the same command goes on and pays for no row twice.

    The result has the kept columns, `token` and `outcome`, and neither numbers nor claims. What was answered is kept
    beside it in OUTPUT.part until then. Exit codes: 0 every row was asked about, 3 some rows are bad, 4 or 5 it ended
    early.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    require_suffix(output)
    refuse_existing(output)
    people = open_table(table)
    columns = Columns.choose(
        people,
        nik=nik_column,
        claims=_mapping(claim or []),
        without=without or [],
        consent=consent_column,
        keep=keep or [],
    )
    terms = Terms(on_behalf_of=on_behalf_of, **connection.given(purpose, officer, legal_basis))
    with link.client() as client, contextlib.ExitStack() as until_end:
        order = Order(table=people, output=output, binding=bind(client.service_info(), terms, columns))

        def transport(run: Run) -> Calls:
            calls = Calls(client, run, terms, domain=order.binding.domain, concurrency=concurrency)
            until_end.enter_context(interruptible(calls))
            return calls

        def meter(rows: int, before: int) -> Meter:
            from padan.cli.meter import meter as of  # noqa: PLC0415 - a bar takes a while to import

            return until_end.enter_context(of(rows, before))

        def report(summary: Summary) -> None:
            until_end.close()
            _report(summary, output, as_json=json)

        summary = issue(order, transport, meter, report)
    if not summary.written:
        raise CommandError(
            f"stopped; {summary.answered:,} of {summary.rows:,} rows are answered and kept",
            next_step="run the same command to go on",
            code=ExitCode.UNAVAILABLE,
        )
    if summary.bad:
        raise typer.Exit(int(ExitCode.INPUT))


def _mapping(options: list[str]) -> dict[str, str]:
    """Read ATTRIBUTE=COLUMN."""
    mapped: dict[str, str] = {}
    for option in options:
        name, equals, column = option.partition("=")
        if not equals or not column or name in mapped:
            raise CommandError(
                "a --claim is not ATTRIBUTE=COLUMN, or stands twice",
                next_step="write it as --claim name=customer_name, each attribute once",
                code=ExitCode.USAGE,
            )
        mapped[name] = column
    return mapped


def _report(summary: Summary, output: Path, *, as_json: bool) -> None:
    """Say how a run ended: data on standard output, rows that are bad on standard error."""
    bad = rules(summary.bad)
    for row, rule in bad:
        sys.stderr.write(f"row {row}: {rule}\n")
    count = summary.outcomes.get(BAD_ROW, 0)
    if count > len(bad):
        sys.stderr.write(f"and {count - len(bad):,} more bad rows; the result has them all\n")
    if as_json:
        print_json(
            {
                "rows": summary.rows,
                "answered": summary.answered,
                "answered_before": summary.before,
                "outcomes": summary.outcomes,
                "bad_rows": [{"row": row, "rule": rule} for row, rule in bad],
                "output": str(output) if summary.written else None,
                "part": None if summary.written else str(part_of(output)),
            }
        )
        return
    told = ", ".join(f"{number:,} {name}" for name, number in summary.outcomes.items())
    typer.echo(f"{summary.answered:,} of {summary.rows:,} rows: {told or 'none is answered'}")
    if summary.written:
        typer.echo(f"written  {output}")
    else:
        typer.echo(f"kept in  {part_of(output)}; run the same command to go on")
