"""`padan-server auditor`: what auditors may read of the log, from the first draft to its end."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys.provider import open_provider
from keys.realm import Realm
from padan.cli.console import ExitCode, new_app, print_json
from verifier.agreement import signkey
from verifier.auditor import activation
from verifier.auditor.errors import GrantDocumentError
from verifier.auditor.parse import parse
from verifier.auditor.sign import sign as sign_document
from verifier.auditor.table import GrantTable
from verifier.cli.authority import read_input, write_output
from verifier.cli.register import reading, writing
from verifier.cli.settings import settings

if TYPE_CHECKING:
    from verifier.auditor.model import Grant
    from verifier.auditor.table import GrantRow
    from verifier.config import Settings

app = new_app("auditor", summary="What auditors may read: draft, sign, activate, suspend, list.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The grant, TOML.")]
AuditorId = Annotated[str, typer.Argument(metavar="AUDITOR", help="Id of the auditor.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SIGNATURE_SUFFIX = ".sig"
EXAMPLE_AUDITOR, EXAMPLE_AGENCIES = "example-auditor", 'agencies = "all"                 #'
"""What the template has where a grant's own values belong."""


@app.command()
def template(
    auditor: Annotated[str, typer.Option(help="The auditor's id, to stand in it.")] = EXAMPLE_AUDITOR,
    agency: Annotated[
        list[str] | None,
        typer.Option(help="An agency whose entries may be read; may be repeated. Default all."),
    ] = None,
) -> None:
    """Print an example with every key explained, to begin with."""
    text = resources.files("verifier.auditor").joinpath("template.toml").read_text("utf-8")
    text = text.replace(f'"{EXAMPLE_AUDITOR}"', json.dumps(auditor))
    if agency:
        text = text.replace(EXAMPLE_AGENCIES, f"agencies = {json.dumps(agency)}  #")
    typer.echo(text, nl=False)


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a document, by line."""
    try:
        grant = parse(read_input(file), name=str(file))
    except GrantDocumentError as error:
        if not as_json:
            raise
        problems = [
            {"line": each.line, "where": each.where, "wrong": each.wrong, "right": each.right}
            for each in error.problems
        ]
        print_json({"file": str(file), "ok": False, "errors": problems})
        raise typer.Exit(int(ExitCode.INPUT)) from error
    if as_json:
        print_json({"file": str(file), "ok": True, "errors": []})
    else:
        typer.echo(f"{file}: grant of {grant.auditor} version {grant.version} is fine")


@app.command()
def sign(
    file: File,
    key: Annotated[Path, typer.Option("--key", help="The signer's private key, from agreement keygen.")],
    kek: Annotated[
        str,
        typer.Option(
            "--kek", help="What seals the key's file: file:PATH?passphrase-file=PATH; default nothing."
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="The signature's file; default FILE.sig.")] = None,
) -> None:
    """Sign a document for this registry and environment; a signature that is there is kept beside."""
    target, data = _signature(file, out), read_input(file)
    parse(data, name=str(file))
    signer = signkey.load(key, provider=open_provider(kek) if kek else None)
    beside = read_input(target) if target.exists() else b""
    write_output(target, sign_document(_realm(settings()), data, signer, beside=beside))
    typer.echo(f"signed by {signer.key_id}; written to {target}")


@app.command()
def activate(
    file: File,
    signature: Annotated[Path | None, typer.Option(help="The signature's file; default FILE.sig.")] = None,
) -> None:
    """Put a signed document in force within a minute; the version before it ends."""
    chosen = settings()
    with writing(chosen) as opened:
        grant = activation.activate(
            opened.directory,
            opened.record,
            realm=_realm(chosen),
            signers=chosen.agreement_signers,
            data=read_input(file),
            signature_file=read_input(_signature(file, signature)),
            name=str(file),
            now=time.time(),
        )
    typer.echo(
        f"active: grant of {grant.auditor} version {grant.version}, until {_moment(grant.valid_until)}"
    )


@app.command()
def suspend(
    auditor: AuditorId,
    reason: Annotated[str, typer.Option(help="Why; stands in the log.")],
) -> None:
    """Refuse every reading of an auditor within a minute; activate the grant again to go on."""
    with writing(settings()) as opened:
        version = activation.suspend(opened.directory, opened.record, auditor, reason=reason)
    typer.echo(f"suspended: version {version} of {auditor}; effective within 60 s")


@app.command("list")
def list_grants(as_json: AsJson = False) -> None:
    """List every version of every grant, and what it lets its auditor read."""
    with reading(settings()) as directory:
        rows = [_row(row) for row in GrantTable(directory).rows()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(
            f"{row['auditor']:24} {row['version']:>4} {row['status']:10} until {row['valid_until']}  "
            f"agencies: {_short(row['agencies'])}; purposes: {_short(row['purposes'])}; "
            f"areas: {', '.join(row['areas'])}; alerts: {'yes' if row['alerts'] else 'no'}"
        )


def _row(row: GrantRow) -> dict[str, Any]:
    grant = parse(row.document, name=f"{row.auditor} version {row.version}")
    return {
        "auditor": row.auditor,
        "version": row.version,
        "status": str(row.status),
        "mandate": grant.mandate,
        "valid_from": _moment(grant.valid_from),
        "valid_until": _moment(grant.valid_until),
        "signer": row.signer,
        **_reach(grant),
    }


def _reach(grant: Grant) -> dict[str, Any]:
    reach = grant.reach
    return {
        "agencies": None if reach.agencies is None else sorted(reach.agencies),
        "purposes": None if reach.purposes is None else sorted(reach.purposes),
        "areas": [area.name.lower() for area in sorted(reach.areas)],
        "alerts": reach.alerts,
        "from_time": None if reach.from_ms is None else _moment(reach.from_ms // 1000),
    }


def _short(names: list[str] | None) -> str:
    return "all" if names is None else ", ".join(names)


def _signature(file: Path, named: Path | None) -> Path:
    return named or file.with_name(file.name + SIGNATURE_SUFFIX)


def _realm(chosen: Settings) -> Realm:
    return Realm(registry_id=chosen.registry_id, environment=chosen.environment)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
