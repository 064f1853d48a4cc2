"""`padan receipt`: prove what the service answered."""

from __future__ import annotations

import json as codec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import times
from padan.cli.connection import Json
from padan.cli.console import CommandError, new_app, print_json
from padan.question import Question

if TYPE_CHECKING:
    from padan.receipt import Receipt


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("receipt", summary="Prove what the service answered.")
    group.command("check")(check)
    # A group with one command stays a group, because more will come.
    group.callback()(lambda: None)
    app.add_typer(group)


def check(
    file: Annotated[Path, typer.Argument(help="The receipt: a JWS in compact form.")],
    keys: Annotated[Path, typer.Option(help="The service's keys, a JWK Set: `padan info --jwks`.")],
    request: Annotated[
        Path | None,
        typer.Option(help="The question's bytes (`padan verify --save-request`): is it the one answered?"),
    ] = None,
    agency: Annotated[str | None, typer.Option(help="Id of the agency that must have asked.")] = None,
    json: Json = False,
) -> None:
    """Check a receipt's signature and claims; with --request also that it belongs to that question.

    Ends with exit code 1 if the receipt is not what it claims to be.
    """
    try:
        from padan import receipt  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        raise CommandError("joserfc is not installed", next_step="pip install 'padan[receipts]'") from None
    question = Question.from_body(_bytes(request)) if request is not None else None
    token = _bytes(file).decode("ascii", errors="replace").strip()
    found = receipt.check(token, _jwks(keys), question=question, audience=agency)
    _print(found, proven=question is not None, as_json=json)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror})", next_step="name another file"
        ) from None


def _jwks(path: Path) -> dict[str, Any]:
    try:
        keys = codec.loads(_bytes(path))
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, dict):
        raise CommandError(f"{path} is no JWK Set", next_step="get it with `padan info --jwks`")
    return keys


def _print(found: Receipt, *, proven: bool, as_json: bool) -> None:
    shown = {
        "signature": "good",
        "question": "belongs to it" if proven else "not given",
        "outcome": found.outcome.name,
        "agency": found.audience,
        "registry": found.issuer,
        "agreement": found.agreement,
        "issued_at": times.text(found.issued_at),
        "request_id": found.request_id,
        "log": found.origin,
        "leaf": found.leaf.hex(),
        "max_merge_delay": found.max_merge_delay,
        "digest": found.digest.hex(),
        "epoch": found.epoch,
        "keys": list(found.keys),
        "signed_by": found.key_id,
    }
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        typer.echo(f"{name.replace('_', ' '):<16} {', '.join(value) if isinstance(value, list) else value}")
