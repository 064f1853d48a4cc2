"""`padan verify`: ask one question."""

from __future__ import annotations

import json as codec
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import times
from padan.asked import AskedQuestion
from padan.cli import captures, connection, keyset
from padan.cli.asking import LegalBasis, Officer, Purpose
from padan.cli.captures import Extractor, Face, Finger, Iris, Keys
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName, Timeout
from padan.cli.console import CommandError, ExitCode, print_json
from padan.question import Question
from padan.token import Token
from padan.vocabulary import Modality, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.answer import Verification
    from padan.config import Config

_TEXTS = (
    "nik",
    "token",
    "purpose",
    "officer",
    "legal_basis",
    "consent_receipt",
    "on_behalf_of",
    "request_id",
)
_NEXT = 'write it as {"nik": "…", "claims": {"name": "…"}}; docs/agency.md shows all keys'
EXIT_CODES = {
    Verdict.MATCH: ExitCode.DONE,
    Verdict.NOT_AVAILABLE: ExitCode.UNAVAILABLE,
    Verdict.BLOCKED: ExitCode.REFUSED,
}
"""Every other verdict ends with ExitCode.NO."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            help="A JSON file with nik or token, claims and any of the options below as keys; - reads standard input. "
            "Unlike --nik and --claim it leaves no trace in the shell's history and the list of processes.",
        ),
    ] = None,
    nik: Annotated[str | None, typer.Option(help="The resident's number.")] = None,
    token: Annotated[
        str | None,
        typer.Option(help="The resident's token, as `--issue-token` printed it, instead of --nik."),
    ] = None,
    issue_token: Annotated[
        bool,
        typer.Option("--issue-token", help="Ask for a token to keep instead of the number, with a match."),
    ] = False,
    claim: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTRIBUTE=VALUE", help="What the resident has said; repeatable."),
    ] = None,
    face: Face = None,
    finger: Finger = None,
    iris: Iris = None,
    extractor: Extractor = None,
    keys: Keys = None,
    purpose: Purpose = None,
    officer: Officer = None,
    legal_basis: LegalBasis = None,
    consent_receipt: Annotated[str | None, typer.Option(help="Id of the consent receipt.")] = None,
    on_behalf_of: Annotated[str | None, typer.Option(help="Agency for which a reseller asks.")] = None,
    request_id: Annotated[str | None, typer.Option(help="A UUID of your own; default a new one.")] = None,
    save_request: Annotated[
        Path | None,
        typer.Option(
            help="Keep the question in a new file, mode 0600, to prove the receipt or open a dispute later; "
            "of captures it holds commitments, never a template."
        ),
    ] = None,
    save_receipt: Annotated[Path | None, typer.Option(help="Keep the receipt in a new file.")] = None,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Ask whether the registry confirms what a resident has said, or who is captured.

    Exit codes: 0 MATCH, 1 any other verdict about the person, 4 BLOCKED, 5 NOT_AVAILABLE.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    given = {
        "nik": nik,
        "token": token,
        "purpose": purpose,
        "officer": officer,
        "legal_basis": legal_basis,
        "consent_receipt": consent_receipt,
        "on_behalf_of": on_behalf_of,
        "request_id": request_id,
    }
    document = _read(source)
    files = {Modality.FACE: face or [], Modality.FINGER: finger or [], Modality.IRIS: iris or []}
    captured = captures.read(files, extractor or [])
    if keys is not None and not captured:
        raise CommandError(
            "--keys is for captures",
            next_step="leave it out; receipt check takes it too",
            code=ExitCode.USAGE,
        )
    signers = None if keys is None else keyset.signers(keys)
    question = _question(
        given,
        claim or [],
        document,
        connection.settings(),
        issue=issue_token,
        beside_captures=bool(captured),
    )
    if save_request is not None:
        _keep(save_request, AskedQuestion.of(question, captured).encode())
    with link.client(signers=signers) as client:
        answer = client.verify_biometric(question, captured) if captured else client.ask(question)
    if save_receipt is not None:
        _keep(save_receipt, answer.receipt.encode())
    _print(answer, as_json=json)
    code = EXIT_CODES.get(answer.outcome, ExitCode.NO)
    if code is not ExitCode.DONE:
        raise typer.Exit(int(code))


def _question(
    given: Mapping[str, str | None],
    claims: list[str],
    document: Mapping[str, Any],
    stored: Config,
    *,
    issue: bool,
    beside_captures: bool,
) -> Question:
    """Join options, document and configuration file, in this order of weight."""
    texts: dict[str, Any] = {}
    for name in _TEXTS:
        value = given[name] or document.get(name) or getattr(stored, name, None) or ""
        if not isinstance(value, str):
            raise CommandError(f"{name} is not a text", next_step=_NEXT)
        texts[name] = value
    for name in ("purpose", "officer", "legal_basis"):
        if not texts[name]:
            option = name.replace("_", "-")
            raise CommandError(
                f"no {name} is given",
                next_step=f"give --{option}, or set {name} in the configuration file",
                code=ExitCode.USAGE,
            )
    token = texts.pop("token")
    asked = document.get("issue_token", False)
    if not isinstance(asked, bool):
        raise CommandError("issue_token is not true or false", next_step=_NEXT)
    return Question.build(
        claims=_claims(claims, document),
        subject_token=Token.from_text(token).encode() if token else b"",
        issue_token=issue or asked,
        beside_captures=beside_captures,
        **texts,
    )


def _claims(options: list[str], document: Mapping[str, Any]) -> dict[str, str]:
    claims = document.get("claims", {})
    if not isinstance(claims, dict) or not all(isinstance(value, str) for value in claims.values()):
        raise CommandError("claims is not an object of texts", next_step=_NEXT)
    joined: dict[str, str] = dict(claims)
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name in joined:
            raise CommandError(
                "a --claim is not ATTRIBUTE=VALUE, or stands twice",
                next_step="write it as --claim birth_date=1990-12-31, each attribute once",
                code=ExitCode.USAGE,
            )
        joined[name] = value
    return joined


def _read(source: str | None) -> Mapping[str, Any]:
    if source is None:
        return {}
    try:
        if source == "-":
            raw = sys.stdin.buffer.read()
        else:
            with open(source, "rb") as file:  # noqa: PTH123 - a path or a device, as typed
                raw = file.read()
        document = codec.loads(raw)
    except OSError as error:
        raise CommandError(
            f"{source} cannot be read ({error.strerror})", next_step="name another file"
        ) from None
    except (ValueError, RecursionError):
        raise CommandError("the input is not JSON", next_step=_NEXT) from None
    unknown = (
        sorted(document.keys() - {*_TEXTS, "claims", "issue_token"})
        if isinstance(document, dict)
        else ["(no object)"]
    )
    if unknown:
        raise CommandError(f"the input has unknown keys: {len(unknown)}", next_step=_NEXT)
    return document  # type: ignore[no-any-return]  # checked above


def _keep(path: Path, content: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written ({error.strerror})", next_step="name a file that does not exist yet"
        ) from None


def _print(answer: Verification, *, as_json: bool) -> None:
    token = Token.parse(answer.subject_token).text if answer.subject_token else ""
    verdicts = {attribute.label: verdict.name for attribute, verdict in answer.verdicts.items()}
    if as_json:
        print_json(
            {
                "request_id": answer.request_id,
                "outcome": answer.outcome.name,
                "verdicts": verdicts,
                "as_of": times.text(answer.as_of) or None,
                "contest": answer.contest,
                "receipt": answer.receipt or None,
                "token": token or None,
            }
        )
        return
    typer.echo(answer.outcome.name)
    for name, verdict in verdicts.items():
        typer.echo(f"  {name:<20} {verdict}")
    typer.echo(
        f"request  {answer.request_id}\ndata     as of {times.text(answer.as_of)}\ncontest  {answer.contest}"
    )
    if token:
        typer.echo(f"token    {token}")
