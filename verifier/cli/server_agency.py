"""`padan-server agency`: let agencies (and auditors, custodians, officers, operators) in, and shut them out."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier.ca import MAX_DAYS
from verifier.cli.authority import PassphraseFile, open_authority, read_input, write_output
from verifier.cli.register import Writing, reading, writing
from verifier.cli.settings import settings
from verifier.enrolment import OUTSIDE, OWN, WARN_DAYS, Caller, Enrolment, days_left, sign_request

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.directory import Certificate

app = new_app("agency", summary="Agencies and other callers: enrol, renew, revoke, list.")


class Role(StrEnum):
    """What a caller is."""

    AGENCY = "agency"
    AUDITOR = "auditor"
    CUSTODIAN = "custodian"
    OFFICER = "officer"
    OPERATOR = "operator"


CallerId = Annotated[str, typer.Argument(metavar="ID", help="The caller's id: a-z, 0-9 and hyphens.")]
AsRole = Annotated[Role, typer.Option("--role", help="What the caller is.")]
Csr = Annotated[
    Path | None, typer.Option("--csr", help="Its request, from padan init; only the key is taken.")
]
Outside = Annotated[
    Path | None,
    typer.Option(
        "--certificate", help="Instead of a request: its certificate of an outside CA in client_ca."
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="Where the signed certificate goes.")]
Days = Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="How long the certificate is valid.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def enrol(
    caller_id: CallerId,
    *,
    csr: Csr = None,
    certificate: Outside = None,
    out: Out = None,
    name: Annotated[str, typer.Option(help="The agency's name for people; default its id.")] = "",
    role: AsRole = Role.AGENCY,
    days: Days = MAX_DAYS,
    ca_passphrase_file: PassphraseFile = None,
) -> None:
    """Register a new caller, and sign its first certificate."""
    chosen, caller, now = settings(), Caller(role=role, id=caller_id), datetime.now(UTC)
    with writing(chosen) as opened:
        enrolment = _enrolment(opened, chosen, now)
        enrolment.require_new(caller)
        pem, kind = _certificate(
            chosen, caller, _Sources(csr, certificate, out, ca_passphrase_file), days=days, now=now
        )
        done = enrolment.enrol(caller, pem, name=name or caller_id, kind=kind)
    _finish("enrolled", done, pem, out)


@app.command()
def renew(
    caller_id: CallerId,
    *,
    csr: Csr = None,
    certificate: Outside = None,
    out: Out = None,
    role: AsRole = Role.AGENCY,
    days: Days = MAX_DAYS,
    ca_passphrase_file: PassphraseFile = None,
) -> None:
    """Sign a further certificate; those before it stay in use until they end or are revoked."""
    chosen, caller, now = settings(), Caller(role=role, id=caller_id), datetime.now(UTC)
    with writing(chosen) as opened:
        enrolment = _enrolment(opened, chosen, now)
        enrolment.require_enrolled(caller)
        pem, kind = _certificate(
            chosen, caller, _Sources(csr, certificate, out, ca_passphrase_file), days=days, now=now
        )
        done = enrolment.renew(caller, pem, kind=kind)
    _finish("renewed", done, pem, out)


@app.command()
def revoke(
    caller_id: CallerId,
    serial: Annotated[str, typer.Option(help="Only this certificate; default the caller wholly.")] = "",
    role: AsRole = Role.AGENCY,
) -> None:
    """Shut a caller out, on open connections too, within a minute."""
    chosen, caller = settings(), Caller(role=role, id=caller_id)
    with writing(chosen) as opened:
        enrolment = _enrolment(opened, chosen, datetime.now(UTC))
        if serial:
            enrolment.revoke_certificate(caller, serial.lower().replace(":", "").lstrip("0"))
        else:
            enrolment.revoke(caller)
    typer.echo(
        f"revoked {role} {caller_id}{' certificate ' + serial if serial else ''}; effective within 60 s"
    )


@app.command()
def restore(caller_id: CallerId) -> None:
    """Let a revoked agency in again; certificates that were revoked by serial stay revoked."""
    chosen = settings()
    with writing(chosen) as opened:
        _enrolment(opened, chosen, datetime.now(UTC)).restore(caller_id)
    typer.echo(f"restored agency {caller_id}")


@app.command("list")
def list_callers(role: AsRole = Role.AGENCY, as_json: AsJson = False) -> None:
    """List callers and their certificates; warn of those that end within 30 days."""
    now = datetime.now(UTC)
    with reading(settings()) as directory:
        certificates = directory.certificates(role=role)
        revoked = {agency.id for agency in directory.agencies() if agency.revoked_ms is not None}
        names = {agency.id: agency.name for agency in directory.agencies()}
    rows = [
        _row(each, names, now, revoked=role is Role.AGENCY and each.holder in revoked)
        for each in certificates
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['id']:24} {row['state']:9} until {row['not_after']}  {row['serial']}")
    for row in rows:
        if row["warning"]:
            typer.echo(f"warning: {row['id']}: {row['warning']}", err=True)


def _enrolment(opened: Writing, chosen: Settings, now: datetime) -> Enrolment:
    return Enrolment(opened.directory, opened.record, trust_domain=chosen.trust_domain, now=now)


class _Sources(NamedTuple):
    """Where a certificate comes from, and where it goes."""

    csr: Path | None
    certificate: Path | None
    out: Path | None
    passphrase_file: Path | None


def _certificate(
    chosen: Settings, caller: Caller, sources: _Sources, *, days: int, now: datetime
) -> tuple[bytes, str]:
    """Sign the request, or read the outside certificate."""
    if sources.certificate is not None and sources.csr is None:
        return read_input(sources.certificate), OUTSIDE
    if sources.certificate is not None or sources.csr is None or sources.out is None:
        raise CommandError(
            "a request with a place for the certificate is needed, or a certificate",
            next_step="say --csr FILE --out FILE, or --certificate FILE",
            code=ExitCode.USAGE,
        )
    authority = open_authority(chosen, sources.passphrase_file)
    request = read_input(sources.csr)
    return sign_request(authority, caller, request, trust_domain=chosen.trust_domain, days=days, now=now), OWN


def _finish(what: str, certificate: Certificate, pem: bytes, out: Path | None) -> None:
    if out is not None:
        write_output(out, pem)
    typer.echo(f"{what} {certificate.role} {certificate.holder}: certificate {certificate.serial}")
    typer.echo(f"valid until {_moment(certificate.not_after_ms)}" + (f"; written to {out}" if out else ""))


def _row(certificate: Certificate, names: dict[str, str], now: datetime, *, revoked: bool) -> dict[str, Any]:
    left = days_left(certificate, now)
    gone = revoked or certificate.revoked_ms is not None
    state = "revoked" if gone else "expired" if left < 0 else "expiring" if left < WARN_DAYS else "valid"
    warning = ""
    if state == "expired":
        warning = "its certificate has expired; renew it"
    elif state == "expiring":
        warning = f"its certificate ends in {left} days; renew it"
    return {
        "id": certificate.holder,
        "name": names.get(certificate.holder, ""),
        "role": certificate.role,
        "serial": certificate.serial,
        "fingerprint": certificate.fingerprint.hex(),
        "ca": certificate.kind,
        "not_before": _moment(certificate.not_before_ms),
        "not_after": _moment(certificate.not_after_ms),
        "days_left": left,
        "state": state,
        "warning": warning,
    }


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
