"""`padan enrolment`: who is enrolled in which class, said by programmes and asked by others."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli import connection
from padan.cli.asking import PATIENCE, ConsentReceipt, LegalBasis, Officer, Patience, Purpose
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName
from padan.cli.console import ExitCode, new_app, print_json
from padan.cli.roll import Roll, Work, day, patiently, work
from padan.cli.said import lines
from padan.enrolment import Enrolment, EnrolmentQuestion, Membership, Said, Withdrawal
from padan.token import Token
from padan.vocabulary import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from padan.client import Client

_CODES = {
    Verdict.MATCH: ExitCode.DONE,
    Verdict.BLOCKED: ExitCode.REFUSED,
    Verdict.NOT_AVAILABLE: ExitCode.UNAVAILABLE,
}
Tokens = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TOKEN]...", help="Tokens as text; none or - reads one a line from standard input."
    ),
]
Category = Annotated[str, typer.Option("--class", metavar="CLASS", help="The class, from the agreement.")]
Listed = Annotated[
    Path | None,
    typer.Option(
        "--list", help="A table of residents instead of tokens: .csv or .parquet, with named columns."
    ),
]
TokenColumn = Annotated[str, typer.Option(help="The list's column of tokens.")]
FromRow = Annotated[
    int, typer.Option(min=1, help="Begin at this row of the list; a run that ended early names it.")
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("enrolment", summary="Enrolments in classes: said by programmes, asked by others.")
    group.command("enrol")(enrol)
    group.command("withdraw")(withdraw)
    group.command("check")(check)
    group.command("questions")(questions)
    app.add_typer(group)


def enrol(
    tokens: Tokens = None,
    *,
    category: Category,
    table: Listed = None,
    first_day: Annotated[
        str, typer.Option(help="First day, YYYY-MM-DD, for rows without one; default today.")
    ] = "",
    last_day: Annotated[str, typer.Option(help="Last day for rows without one; default no end.")] = "",
    token_column: TokenColumn = "token",  # noqa: S107 - a column
    first_column: Annotated[str, typer.Option(help="The list's column of first days.")] = "",
    last_column: Annotated[str, typer.Option(help="The list's column of last days.")] = "",
    from_row: FromRow = 1,
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
    """Enrol residents in a class; done again it changes nothing more, so a run that ended early may begin anew.

    Who is enrolled already has the new days. Exit codes: 0 all are enrolled, 3 some rows are bad, 4 or 5 it ended
    early.
    """
    first = day(first_day) or date.today().isoformat()  # noqa: DTZ011 - the day where the command runs is meant
    last = day(last_day)
    columns = [token_column, *filter(None, (first_column, last_column))]
    roll = Roll.of(tokens, table, columns, from_row)
    said = Said(**connection.given(purpose, officer, legal_basis), consent_receipt=consent_receipt)

    def membership(cells: Sequence[str]) -> Membership:
        days = dict(zip(columns[1:], cells[1:], strict=True))
        end = day(days.get(last_column, "") or last)
        return Membership(
            token=Token.from_text(cells[0]).encode(),
            first=date.fromisoformat(day(days.get(first_column, "") or first)),
            last=date.fromisoformat(end) if end else None,
        )

    def send(client: Client, batch: Sequence[Membership]) -> Mapping[int, str]:
        return client.enrolments.enrol(Enrolment.build(batch, category=category, said=said))

    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    with link.client() as client:
        work(Work(roll=roll, read=membership, send=send), client, done="enrolled", as_json=json)


def withdraw(
    tokens: Tokens = None,
    *,
    category: Category,
    table: Listed = None,
    token_column: TokenColumn = "token",  # noqa: S107 - a column
    from_row: FromRow = 1,
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
    """End enrolments that this agency made; who was not enrolled is not told from who was.

    Exit codes: 0 all are withdrawn, 3 some rows are bad, 4 or 5 it ended early.
    """
    roll = Roll.of(tokens, table, [token_column], from_row)
    said = Said(**connection.given(purpose, officer, legal_basis), consent_receipt=consent_receipt)

    def send(client: Client, batch: Sequence[bytes]) -> Mapping[int, str]:
        return client.enrolments.withdraw(Withdrawal.build(batch, category=category, said=said))

    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    with link.client() as client:
        order = Work(roll=roll, read=lambda cells: Token.from_text(cells[0]).encode(), send=send)
        work(order, client, done="withdrawn", as_json=json)


def check(
    tokens: Tokens = None,
    *,
    category: Category,
    purpose: Purpose = None,
    officer: Officer = None,
    legal_basis: LegalBasis = None,
    consent_receipt: ConsentReceipt = "",
    request_id: Annotated[
        str, typer.Option(help="A UUID of your own, for one token: asked again it is one question.")
    ] = "",
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Patience = PATIENCE,
    json: Json = False,
) -> None:
    """Ask whether residents are enrolled in a class today, by any programme: a question and a verdict for each.

    Exit codes: of the last one, 0 MATCH, 1 NO_MATCH, 4 BLOCKED, 5 NOT_AVAILABLE.
    """
    texts = lines(None) if tokens in (None, [], ["-"]) else tokens or []
    said = Said(**connection.given(purpose, officer, legal_basis), consent_receipt=consent_receipt)
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    code = ExitCode.DONE
    with link.client() as client:
        for text in texts:
            question = EnrolmentQuestion.build(
                Token.from_text(text).encode(),
                category=category,
                said=said,
                request_id=request_id if len(texts) == 1 else "",
            )
            answer = client.enrolments.check(question)
            code = _CODES.get(answer.outcome, ExitCode.NO)
            if json:
                told = {"request_id": answer.request_id, "outcome": answer.outcome.name}
                print_json(told | {"contest": answer.contest, "receipt": answer.receipt or None})
            else:
                typer.echo(answer.outcome.name)
    raise typer.Exit(int(code))


def questions(
    *,
    category: Annotated[
        str,
        typer.Option(
            "--class", metavar="CLASS", help="One class; by default all that the purpose enrols in."
        ),
    ] = "",
    first_day: Annotated[
        str, typer.Option(help="First day, YYYY-MM-DD; default thirty days before the last.")
    ] = "",
    last_day: Annotated[str, typer.Option(help="Last day; default today.")] = "",
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
    """Show who asked about the classes that this agency enrols in, by day; never about whom."""
    first, last = day(first_day), day(last_day)
    said = Said(**connection.given(purpose, officer, legal_basis), consent_receipt=consent_receipt)
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    with link.client() as client:
        found = patiently(
            lambda: client.enrolments.questions(
                said,
                category=category,
                first=date.fromisoformat(first) if first else None,
                last=date.fromisoformat(last) if last else None,
            )
        )
    if json:
        print_json(
            [
                {
                    "day": str(each.day),
                    "class": each.category,
                    "agency": each.agency,
                    "purpose": each.purpose,
                    "questions": each.questions,
                }
                for each in found
            ]
        )
        return
    for each in found:
        typer.echo(f"{each.day}  {each.category}  {each.questions:>9,}  {each.agency} ({each.purpose})")
    if not found:
        typer.echo("nobody asked")
