"""`padan dispute`: dispute an answer, and learn what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import times
from padan.asked import AskedQuestion
from padan.cli import connection
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName, Timeout
from padan.cli.console import CommandError, ExitCode, new_app, print_json

if TYPE_CHECKING:
    from padan.dispute import Dispute


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("dispute", summary="Dispute an answer, and learn what became of it.")
    group.command("open")(open_)
    group.command("show")(show)
    group.command("list")(list_)
    app.add_typer(group)


def open_(
    *,
    contest: Annotated[str, typer.Argument(metavar="CONTEST", help="The answer's reference, `contest`.")],
    request: Annotated[
        Path,
        typer.Option(help="The question's file (`padan verify --save-request`), whose subject is sealed."),
    ],
    claim: Annotated[
        list[str],
        typer.Option(
            metavar="ATTRIBUTE",
            help="A claim that is disputed, or face, finger or iris where that was captured; repeatable.",
        ),
    ],
    officer: Annotated[
        str | None,
        typer.Option(help="The agency's pseudonym of the person who disputes; default the question's."),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(help="A UUID of your own; default a new one. The same one opens nothing twice."),
    ] = None,
    answered_at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ"],
            help="For a reference of 16 characters: when the answer came, UTC, within a minute.",
        ),
    ] = None,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Dispute an answer that this agency got: which claims, never which value.

    The resident's number goes to the registry's officer in a box that the service cannot open.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    question = AskedQuestion.decode(_bytes(request))
    with link.client() as client:
        opened = client.open_dispute(
            question,
            contest=contest,
            claims=claim,
            officer=officer or "",
            request_id=request_id or "",
            answered_at=answered_at.replace(tzinfo=UTC) if answered_at is not None else None,
        )
    _print(opened, as_json=json)


def show(
    *,
    dispute: Annotated[str, typer.Argument(metavar="DISPUTE", help="Id of the dispute, from open or list.")],
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Show where a dispute stands: state, due time, outcome."""
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    with link.client() as client:
        found = client.dispute(dispute)
    _print(found, as_json=json)


def list_(
    *,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="Only what is not resolved.")] = False,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """List the agency's disputes, newest first."""
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    with link.client() as client:
        found = client.disputes(unresolved=unresolved)
    if json:
        print_json([_content(each) for each in found])
        return
    for each in found:
        outcome = each.outcome.label if each.outcome is not None else "-"
        overdue = " OVERDUE" if each.overdue_at is not None else ""
        typer.echo(
            f"{each.dispute_id}  {each.state.label:<10} {outcome:<10} due {times.text(each.due_at)}{overdue}"
            f"  {', '.join(claim.label for claim in each.claims)}"
        )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror})",
            next_step="name the file that `padan verify --save-request` wrote",
            code=ExitCode.INPUT,
        ) from None


def _print(dispute: Dispute, *, as_json: bool) -> None:
    content = _content(dispute)
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name:<10} {'-' if shown in {None, ''} else shown}")


def _content(dispute: Dispute) -> dict[str, Any]:
    return {
        "dispute": dispute.dispute_id,
        "request_id": dispute.request_id,
        "contest": dispute.contest,
        "claims": [claim.label for claim in dispute.claims],
        "state": dispute.state.label,
        "outcome": dispute.outcome.label if dispute.outcome is not None else None,
        "opened": times.text(dispute.opened_at) or None,
        "due": times.text(dispute.due_at) or None,
        "changed": times.text(dispute.changed_at) or None,
        "overdue": times.text(dispute.overdue_at) or None,
        "officer": dispute.signer or None,
    }
