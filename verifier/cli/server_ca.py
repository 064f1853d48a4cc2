"""`padan-server ca`: the service's own small certificate authority."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier.ca import CERTIFICATE_FILE, MAX_DAYS, CertificateAuthority
from verifier.cli.authority import PassphraseFile, open_authority, read_passphrase, write_output
from verifier.cli.settings import settings
from verifier.secret_file import replace_secret, write_secret

if TYPE_CHECKING:
    from verifier.certificate import Certificate

app = new_app("ca", summary="The service's own small certificate authority.")


@app.command()
def init(ca_passphrase_file: PassphraseFile = None) -> None:
    """Make the root: ca.pem for everybody, ca.key (mode 0600) for this command line alone."""
    chosen = settings()
    authority = CertificateAuthority.create(
        chosen.ca_dir,
        trust_domain=chosen.trust_domain,
        now=datetime.now(UTC),
        passphrase=read_passphrase(ca_passphrase_file),
    )
    typer.echo(f"root {authority.certificate.serial} written to {chosen.ca_dir}")
    typer.echo(f"give {chosen.ca_dir / CERTIFICATE_FILE} to the agencies; keep ca.key off the server")


@app.command()
def show(
    ca_passphrase_file: PassphraseFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the root certificate, and check that its key is there and opens."""
    certificate = open_authority(settings(), ca_passphrase_file).certificate
    data = describe(certificate)
    if as_json:
        print_json(data)
        return
    for name, value in data.items():
        typer.echo(f"{name:12} {value}")


@app.command("issue-server")
def issue_server(
    *,
    dns: Annotated[list[str] | None, typer.Option(help="A host name of the server; may be repeated.")] = None,
    ip: Annotated[
        list[str] | None, typer.Option(help="An IP address of the server; may be repeated.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="How long it is valid.")] = MAX_DAYS,
    cert: Annotated[Path | None, typer.Option(help="Where the certificate goes; default tls_cert.")] = None,
    key: Annotated[Path | None, typer.Option(help="Where the key goes; default tls_key.")] = None,
    renew: Annotated[bool, typer.Option(help="Replace key and certificate that are there.")] = False,
    ca_passphrase_file: PassphraseFile = None,
) -> None:
    """Make a key and a certificate for a server; a running one takes them up at the next connection."""
    chosen = settings()
    cert_path, key_path = cert or chosen.tls_cert, key or chosen.tls_key
    authority = open_authority(chosen, ca_passphrase_file)
    issued, key_pem = authority.issue_server(dns=dns or [], ips=ip or [], days=days, now=datetime.now(UTC))
    try:
        key_path.parent.mkdir(parents=True, exist_ok=True)
        (replace_secret if renew else write_secret)(key_path, key_pem)
    except FileExistsError as error:
        raise CommandError(
            f"{key_path}: there is a key already", next_step="say --renew to replace it", code=ExitCode.STATE
        ) from error
    except OSError as error:
        raise CommandError(
            f"{key_path}: cannot be written ({error.strerror})", next_step="check the folder"
        ) from error
    write_output(cert_path, issued.pem + authority.pem)
    typer.echo(f"certificate {issued.certificate.serial} written to {cert_path}, its key to {key_path}")
    typer.echo(f"valid until {_day(issued.certificate.not_after)}")


def describe(certificate: Certificate) -> dict[str, str]:
    """Say what a certificate is, for people and programs."""
    return {
        "serial": certificate.serial,
        "fingerprint": certificate.fingerprint.hex(),
        "not_before": _day(certificate.not_before),
        "not_after": _day(certificate.not_after),
    }


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
