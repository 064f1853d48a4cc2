"""`padan token keypair`, `convert` and `collect`: an agency's tokens become another one's, with what travels along."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan import csr, sealing
from padan.cli import asking, connection
from padan.cli.asking import PATIENCE, ConsentReceipt, LegalBasis, Officer, Patience
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName
from padan.cli.console import CommandError, ExitCode, print_json
from padan.cli.interrupting import interruptible
from padan.converting import collect, convert
from padan.converting.jobfile import JobFile
from padan.converting.shipment import TOKEN, Columns
from padan.errors import ConfigError, NotGrantedError, SealingError
from padan.issuing.issue import part_of, refuse_existing, rules
from padan.issuing.run import Terms
from padan.table.file import open_table, require_suffix
from padan.table.sink import writing

if TYPE_CHECKING:
    from padan.client import Client
    from padan.info import Purpose
    from padan.issuing.issue import Meter
    from padan.issuing.part import Part
    from padan.sealing import Recipient

_CHUNK = 4_096


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("keypair")(keypair)
    group.command("convert")(convert_)
    group.command("collect")(collect_)


def keypair(
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Name of the two files, without their endings .key and .pub.")
    ],
    json: Json = False,
) -> None:
    """Make a key pair (X25519) to which other agencies seal what travels along with tokens.

    Keep NAME.key (PKCS #8, mode 0600) here, and give NAME.pub to the agency that hands tokens in.
    """
    private, public = (out.with_name(out.name + ending) for ending in (".key", ".pub"))
    csr.refuse_existing(private, public)
    made = sealing.Recipient.make()
    secret, shown = made.pems()
    csr.write_new(private, secret, mode=0o600)
    csr.write_new(public, shown, mode=0o644)
    if json:
        print_json({"key": str(private), "public": str(public), "key_id": made.key_id})
        return
    typer.echo(f"private  {private} (keep it here)\npublic   {public} (give it to the other agency)")
    typer.echo(f"key id   {made.key_id}")


def convert_(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="LIST", help="The tokens: .csv or .parquet, with the columns named in the first line."
        ),
    ],
    *,
    to: Annotated[str, typer.Option(help="The token domain to convert to.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The job file, for the other agency; it does not exist yet."),
    ],
    columns: Annotated[
        str, typer.Option(help="Columns that travel along, sealed to the other agency, by commas.")
    ] = "",
    recipient: Annotated[
        Path | None, typer.Option(help="The other agency's public key, NAME.pub; for --columns.")
    ] = None,
    token_column: Annotated[str, typer.Option(help="The column of the tokens.")] = TOKEN,
    refused: Annotated[
        Path | None,
        typer.Option(help="Where all refused rows go, with their rules: .csv or .parquet."),
    ] = None,
    purpose: asking.Purpose = None,
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
    """Hand in tokens to be converted to another agency's domain; ended early, the same command goes on.

    The result is a job file with the id that the other agency collects by. What is done is kept beside it in
    OUTPUT.part until then. Exit codes: 0 every row was taken, 3 some rows were refused, 4 or 5 it ended early.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    refuse_existing(output)
    if refused is not None:
        require_suffix(refused)
    people = open_table(table)
    chosen = Columns(token=token_column, carried=tuple(filter(None, columns.split(","))))
    chosen.require(people)
    terms = Terms(on_behalf_of="", **connection.given(purpose, officer, legal_basis))
    terms.require()
    public_key = _public_key(recipient, chosen)
    with link.client() as client:
        info = client.service_info()
        granted = _granted(client, terms)
        if to not in granted.conversions:
            raise _not_granted(f"the purpose {terms.purpose} may not convert its tokens to {to}")
        order = convert.Order(
            table=people,
            output=output,
            registry=f"{info.registry_id}/{info.environment}",
            agency=info.agency_id,
            source=granted.token_domain,
            target=to,
            terms=terms,
            consent_receipt=consent_receipt,
            columns=chosen,
            public_key=public_key,
        )
        run = convert.Conversion(order, client)
        with contextlib.ExitStack() as until_end:
            until_end.enter_context(interruptible(run))

            def report(summary: convert.Summary, part: Part) -> None:
                until_end.close()
                if refused is not None:
                    _write_refused(refused, part)
                _report_convert(summary, output, as_json=json)

            summary = run.run(_metering(until_end), report)
    if summary.job is None:
        raise _stopped(f"{summary.handed_in + summary.refused:,} of {summary.rows:,} rows are done and kept")
    if summary.refused:
        raise typer.Exit(int(ExitCode.INPUT))


def collect_(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file, from the agency that handed the tokens in.")
    ],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The result: .csv or .parquet; a file that does not exist yet."),
    ],
    private_key: Annotated[
        Path | None,
        typer.Option("--private-key", help="The private key, NAME.key, that opens what travelled along."),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Leave it with the service, instead of having it deleted once it is here."
        ),
    ] = False,
    purpose: asking.Purpose = None,
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
    """Collect tokens of the own domain that another agency's were converted to; ended early, the same command goes on.

    The result has `token` and the columns that travelled along, in an order that says nothing. What came is kept beside
    it in OUTPUT.part until then. Exit codes: 0 all is here, 3 something along does not open, 4 or 5 it ended early.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    require_suffix(output)
    refuse_existing(output)
    asked = JobFile.read(job)
    opener = _recipient(private_key, asked)
    terms = Terms(on_behalf_of="", **connection.given(purpose, officer, legal_basis))
    terms.require()
    with link.client() as client:
        info = client.service_info()
        if f"{info.registry_id}/{info.environment}" != asked.registry:
            raise ConfigError(
                "the job is of another registry", reason="registry", next_step="name that registry's address"
            )
        granted = _granted(client, terms)
        if granted.token_domain != asked.target or asked.source not in granted.converted_from:
            raise _not_granted(
                f"the purpose {terms.purpose} takes no tokens of {asked.source} for {asked.target}"
            )
        order = collect.Order(
            job=asked,
            output=output,
            terms=terms,
            consent_receipt=consent_receipt,
            recipient=opener,
            keep=keep,
        )
        run = collect.Collection(order, client)
        with contextlib.ExitStack() as until_end:
            until_end.enter_context(interruptible(run))

            def report(summary: collect.Summary) -> None:
                until_end.close()
                _report_collect(summary, output, as_json=json)

            summary = run.run(_metering(until_end), report)
    if not summary.written or not (summary.deleted or keep):
        raise _stopped(f"{summary.collected:,} tokens came and are kept")
    if summary.unopened:
        raise typer.Exit(int(ExitCode.INPUT))


def _metering(until_end: contextlib.ExitStack) -> convert.Metering:
    def meter(rows: int, before: int) -> Meter:
        from padan.cli.meter import meter as of  # noqa: PLC0415 - a bar takes a while to import

        return until_end.enter_context(of(rows, before))

    return meter


def _granted(client: Client, terms: Terms) -> Purpose:
    """Find the purpose in the agreement: what would be refused is not begun."""
    agreement = client.service_info().agreement
    purposes = () if agreement is None else agreement.purposes
    found = next((each for each in purposes if each.code == terms.purpose), None)
    if found is None:
        raise NotGrantedError("the purpose is not in the agreement", reason="PURPOSE_NOT_GRANTED")
    return found


def _not_granted(why: str) -> NotGrantedError:
    return NotGrantedError(why, reason="CONVERSION_NOT_GRANTED")


def _stopped(what: str) -> CommandError:
    return CommandError(
        f"stopped; {what}", next_step="run the same command to go on", code=ExitCode.UNAVAILABLE
    )


def _public_key(path: Path | None, columns: Columns) -> bytes:
    if (path is None) != (not columns.carried):
        raise CommandError(
            "--columns and --recipient go together",
            next_step="give both where something travels along, and neither where nothing does",
            code=ExitCode.USAGE,
        )
    if path is None:
        return b""
    try:
        return sealing.public_key_of(_read(path))
    except SealingError as error:
        raise _bad_key(path, error, "the file NAME.pub that the other agency gave you") from None


def _recipient(path: Path | None, job: JobFile) -> Recipient | None:
    if not job.key:
        return None
    if path is None:
        raise CommandError(
            "something travelled along, and no key opens it",
            next_step=f"give --private-key with the key whose id is {job.key}",
            code=ExitCode.USAGE,
        )
    try:
        found = sealing.Recipient.from_pem(_read(path))
    except SealingError as error:
        raise _bad_key(path, error, "the file NAME.key that `padan token keypair` wrote") from None
    if found.key_id != job.key:
        raise ConfigError(
            f"{path}: the job is sealed to another key",
            reason="key",
            next_step=f"use the key whose id is {job.key}",
        )
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", reason="file", next_step="name a file that is there"
        ) from None


def _bad_key(path: Path, error: SealingError, right: str) -> ConfigError:
    return ConfigError(f"{path}: {error.message}", reason="key", next_step=f"use {right}")


def _write_refused(path: Path, part: Part) -> None:
    """Write all refused rows with what they break."""
    with writing(path, ["row", "rule"], [None, None]) as sink:
        rows = rules(part.bad(-1))
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            sink.write([[str(row) for row, _ in chunk], [rule for _, rule in chunk]])


def _report_convert(summary: convert.Summary, output: Path, *, as_json: bool) -> None:
    """Say how a run ended: data on standard output, refused rows on standard error."""
    bad = rules(summary.bad)
    for row, rule in bad:
        sys.stderr.write(f"row {row}: {rule}\n")
    if summary.refused > len(bad):
        sys.stderr.write(f"and {summary.refused - len(bad):,} more; --refused FILE writes them all\n")
    if as_json:
        print_json(
            {
                "rows": summary.rows,
                "handed_in": summary.handed_in,
                "refused": summary.refused,
                "done_before": summary.before,
                "refused_rows": [{"row": row, "rule": rule} for row, rule in bad],
                "job": summary.job.job if summary.job is not None else None,
                "output": str(output) if summary.job is not None else None,
                "part": None if summary.job is not None else str(part_of(output)),
            }
        )
        return
    typer.echo(f"{summary.handed_in:,} of {summary.rows:,} tokens are handed in, {summary.refused:,} refused")
    if summary.job is not None:
        typer.echo(f"job      {summary.job.job}\nwritten  {output} (give it to the other agency)")
    else:
        typer.echo(f"kept in  {part_of(output)}; run the same command to go on")


def _report_collect(summary: collect.Summary, output: Path, *, as_json: bool) -> None:
    """Say how a run ended."""
    if summary.unopened:
        sys.stderr.write(f"of {summary.unopened:,} tokens, what travelled along does not open\n")
    if as_json:
        print_json(
            {
                "handed_in": summary.handed_in,
                "collected": summary.collected,
                "unopened": summary.unopened,
                "deleted": summary.deleted,
                "output": str(output) if summary.written else None,
            }
        )
        return
    typer.echo(f"{summary.collected:,} tokens came, of {summary.handed_in:,} that were handed in")
    if summary.written:
        typer.echo(f"written  {output}")
        typer.echo("deleted at the service" if summary.deleted else "the service has them still")
