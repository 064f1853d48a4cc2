"""`padan-server agreement`: the digital memoranda of understanding, from the first draft to their end."""

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
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier.agreement import activation, signkey, vocabulary
from verifier.agreement.errors import AgreementDocumentError
from verifier.agreement.finding import Severity
from verifier.agreement.parse import parse
from verifier.agreement.reader import show_path
from verifier.agreement.sign import sign as sign_document
from verifier.cli.authority import read_input, write_output
from verifier.cli.register import reading, writing
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri, PublicFile, make_key, tell_key, trust_key

if TYPE_CHECKING:
    from keys.provider import KekProvider
    from verifier.agreement.model import Agreement
    from verifier.config import Settings
    from verifier.directory import AgreementRow

app = new_app("agreement", summary="Agreements: draft, sign, activate, suspend, list.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The agreement, TOML.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="The agreements, TOML.")]
Key = Annotated[Path, typer.Option("--key", help="The signer's private key, from keygen.")]
AgencyId = Annotated[str, typer.Argument(metavar="AGENCY", help="Id of the agency.")]
SIGNATURE_SUFFIX = ".sig"
EXAMPLE_AGENCY, EXAMPLE_NETWORK = "example-agency", "192.0.2.0/24"
"""What the template has where an agency's own values belong."""


@app.command()
def keygen(
    out: Annotated[Path, typer.Option("--out", help="The new key's file, mode 0600.")],
    public: Annotated[
        Path | None, typer.Option("--public", help="File of the public key; default OUT with suffix .pub.")
    ] = None,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Make the key of a person who signs agreements, and the public key that the operator trusts."""
    target, text = make_key(out, use=signkey.USE, kek=kek, public=public)
    tell_key(out, target, text, keep="keep it off the server", trust="agreement trust", as_json=as_json)


@app.command()
def trust(
    public: PublicFile,
    as_json: AsJson = False,
) -> None:
    """Add a public key to agreement_signers in the configuration, so that agreements it signed are in force.

    A running server takes it up at its next start.
    """
    path, signers = trust_key(public, setting="agreement_signers")
    if as_json:
        print_json({"config": str(path), "agreement_signers": signers})
    else:
        typer.echo(f"{path}: {len(signers)} may sign agreements; a running server must be started again")


@app.command()
def template(
    agency: Annotated[str, typer.Option(help="The agency's id, to stand in it.")] = EXAMPLE_AGENCY,
    source_address: Annotated[
        list[str] | None,
        typer.Option(help="A network from which the agency calls; may be repeated. Default an example."),
    ] = None,
) -> None:
    """Print an example with every key explained, to begin with."""
    text = resources.files("verifier.agreement").joinpath("template.toml").read_text("utf-8")
    text = text.replace(EXAMPLE_AGENCY, agency)
    if source_address:
        text = text.replace(f"{json.dumps([EXAMPLE_NETWORK])}", json.dumps(source_address))
    typer.echo(text, nl=False)


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a document, by line; warnings do not refuse it."""
    try:
        document, findings = activation.review(read_input(file), name=str(file), now=time.time())
    except AgreementDocumentError as error:
        if not as_json:
            raise
        print_json({"file": str(file), "ok": False, "errors": _problems(error), "warnings": []})
        raise typer.Exit(int(ExitCode.INPUT)) from error
    warnings = [
        {
            "line": document.line(found.path),
            "where": show_path(found.path),
            "wrong": found.wrong,
            "right": found.right,
        }
        for found in findings
        if found.severity is Severity.WARNING
    ]
    if as_json:
        print_json({"file": str(file), "ok": True, "errors": [], "warnings": warnings})
        return
    for each in warnings:
        typer.echo(
            f"warning: {file}: line {each['line']}: {each['where']}: {each['wrong']}; {each['right']}",
            err=True,
        )
    agreement = document.agreement
    typer.echo(f"{file}: agreement {agreement.agreement_id} version {agreement.version} is fine")


@app.command()
def sign(
    files: Files,
    key: Key,
    kek: KekUri = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The signature's file, for one document; default FILE.sig.")
    ] = None,
) -> None:
    """Sign documents for this registry and environment; a signature that is there is kept beside."""
    targets = _signatures(files, out)
    chosen, documents = settings(), [read_input(file) for file in files]
    for file, data in zip(files, documents, strict=True):
        activation.review(data, name=str(file), now=time.time())
    signer = signkey.load(key, provider=_provider(kek))
    for data, target in zip(documents, targets, strict=True):
        beside = read_input(target) if target.exists() else b""
        write_output(target, sign_document(_realm(chosen), data, signer, beside=beside))
        typer.echo(f"signed by {signer.key_id}; written to {target}")


@app.command()
def activate(
    files: Files,
    signature: Annotated[
        Path | None, typer.Option(help="The signature's file, for one document; default FILE.sig.")
    ] = None,
) -> None:
    """Put signed documents in force within a minute, one after the other; the versions before them end."""
    targets, chosen = _signatures(files, signature), settings()
    with writing(chosen) as opened:
        for file, target in zip(files, targets, strict=True):
            agreement = activation.activate(
                opened.directory,
                opened.record,
                realm=_realm(chosen),
                signers=chosen.agreement_signers,
                data=read_input(file),
                signature_file=read_input(target),
                name=str(file),
                now=time.time(),
            )
            typer.echo(
                f"active: {agreement.agreement_id} version {agreement.version} of {agreement.agency}, "
                f"until {_moment(agreement.valid_until)}"
            )


@app.command()
def suspend(
    agency: AgencyId,
    reason: Annotated[str, typer.Option(help="Why; stands in the log.")],
) -> None:
    """Refuse every call under an agency's agreement within a minute; activate it again to go on."""
    with writing(settings()) as opened:
        version = activation.suspend(opened.directory, opened.record, agency, reason=reason)
    typer.echo(f"suspended: version {version} of {agency}; effective within 60 s")


@app.command("list")
def list_agreements(as_json: AsJson = False) -> None:
    """List every version of every agreement, and warn of those that end within 30 days."""
    with reading(settings()) as directory:
        rows = [_row(row) for row in directory.agreements()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(
            f"{row['agency']:24} {row['version']:>4} {row['status']:10} until {row['valid_until']}  {row['id']}"
        )
    for row in rows:
        if row["warning"]:
            typer.echo(f"warning: {row['agency']}: {row['warning']}", err=True)


@app.command()
def show(
    agency: AgencyId,
    version: Annotated[int, typer.Option(help="Which version; default the newest.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print a document as it was signed; with --json what it grants, in short."""
    with reading(settings()) as directory:
        rows = [row for row in directory.agreements(agency=agency) if version in {0, row.version}]
    if not rows:
        raise CommandError(
            f"no such agreement of {agency}", next_step="see padan-server agreement list", code=ExitCode.STATE
        )
    row = rows[-1]
    if as_json:
        print_json(_row(row) | {"purposes": _purposes(parse(row.document).agreement)})
    else:
        typer.echo(row.document.decode(), nl=False)


def _signatures(files: list[Path], named: Path | None) -> list[Path]:
    """Name each document's file of signatures."""
    if named is not None and len(files) > 1:
        raise CommandError(
            "one file of signatures is named for several documents",
            next_step="leave it out, or name one document",
            code=ExitCode.USAGE,
        )
    return [named or file.with_name(file.name + SIGNATURE_SUFFIX) for file in files]


def _realm(chosen: Settings) -> Realm:
    return Realm(registry_id=chosen.registry_id, environment=chosen.environment)


def _provider(uri: str) -> KekProvider | None:
    return open_provider(uri) if uri else None


def _problems(error: AgreementDocumentError) -> list[dict[str, Any]]:
    return [
        {"line": each.line, "where": each.where, "wrong": each.wrong, "right": each.right}
        for each in error.problems
    ]


def _row(row: AgreementRow) -> dict[str, Any]:
    agreement = parse(row.document, name=f"{row.agency} version {row.version}").agreement
    left = int((agreement.valid_until - time.time()) // 86_400)
    warning = ""
    if row.status == "active" and left < activation.WARN_DAYS:
        warning = (
            f"version {row.version} ends in {left} days" if left >= 0 else f"version {row.version} is over"
        )
    return {
        "agency": row.agency,
        "id": agreement.agreement_id,
        "version": row.version,
        "status": str(row.status),
        "valid_from": _moment(agreement.valid_from),
        "valid_until": _moment(agreement.valid_until),
        "signer": row.signer,
        "warning": warning,
    }


def _purposes(agreement: Agreement) -> list[dict[str, Any]]:
    names = vocabulary.ATTRIBUTE_NAMES
    return [
        {
            "code": purpose.code,
            "attributes": [names[number] for number in sorted(purpose.attributes)],
            "anchors": [names[number] for number in sorted(purpose.anchors)],
            "ages": list(purpose.ages),
            "region_levels": sorted(purpose.region_levels),
        }
        for purpose in agreement.purposes
    ]


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
