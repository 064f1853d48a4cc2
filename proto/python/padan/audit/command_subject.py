"""`padan-audit subject`: who asked about one resident, when, why, with which outcome; by two auditors together."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import auditors, envelope, personfile, times, trail
from padan.audit import answer, forgetting, keyfile, partfile, search, span, told, trailfile
from padan.audit.asking import KeyFile, Out, PassphraseFile, number, passphrase
from padan.audit.entries import FileEntries, ServiceEntries
from padan.audit.listing import AuditClient
from padan.audit.mirror import belief
from padan.audit.mirror.verification import CopyEntries
from padan.audit.options import last_trusted, open_client, open_copy
from padan.cli import connection
from padan.cli.connection import (  # noqa: TC001 - Typer reads the annotations
    Address,
    Ca,
    Cert,
    Json,
    ServerName,
    Timeout,
)
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from padan.group import wipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.audit.entries import Entries
    from padan.audit.span import Needed, Span
    from padan.audit.trailfile import Request
    from padan.auditors import AuditorsKey
    from padan.personfile import Person

app = new_app("subject", summary="Answer one resident: who asked about them, when, why, with which outcome.")

_TIMES = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
RequestFile = Annotated[Path, typer.Argument(metavar="REQUEST", help="The request's file.")]
AuditorsFile = Annotated[
    Path, typer.Option("--auditors", help="The auditors' key, from padan-audit keys check.")
]
ShareFile = Annotated[Path, typer.Option("--share", help="Your share, from padan-audit keys join.")]
EntriesFile = Annotated[
    Path | None,
    typer.Option(
        "--entries", help="Entries from padan-audit list --raw; else those that the service shows you."
    ),
]
CopyFolder = Annotated[
    Path | None,
    typer.Option(
        "--copy", help="A copy by padan-audit mirror, with its entries, in their place; needs --policy."
    ),
]
CopyPolicy = Annotated[
    Path | None,
    typer.Option("--policy", help="Whom to believe, for --copy: the policy that it was made with."),
]
TlsKey = Annotated[str | None, typer.Option("--tls-key", help="PEM of the private key of your certificate.")]


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    app.command("forget")(forgetting.forget)
    parent.add_typer(app, name="subject")


@app.command()
def propose(
    *,
    auditors_file: AuditorsFile,
    key: KeyFile,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the log; nothing about the resident.")],
    mandate: Annotated[str, typer.Option("--mandate", help="What it rests on, such as the letter's number.")],
    out: Out,
    received: Annotated[
        datetime | None,
        typer.Option("--received", formats=_TIMES, help="When the resident asked, UTC; default now."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Propose to open a resident's trail, and sign it; asks for the number, which no file and no argument holds."""
    made_for, person = _open(auditors_file, key, passphrase_file)
    nik = number()
    now = int(time.time())
    since = int(received.replace(tzinfo=UTC).timestamp()) if received else now
    if since > now:
        raise CommandError(
            "--received is in the future", next_step="give the time in UTC", code=ExitCode.INPUT
        )
    request = trailfile.propose(
        person, made_for, nik=nik, reason=reason, mandate=mandate, received=since, now=now
    )
    personfile.write_new(out, trailfile.encode(request, made_for), secret=True)
    _report(request, made_for, out, json=json, next_step="another auditor runs padan-audit subject sign")


@app.command()
def sign(
    request_file: RequestFile,
    *,
    auditors_file: AuditorsFile,
    key: KeyFile,
    out: Out,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Agree to a request as the second auditor, after entering the number from the resident's own letter."""
    made_for, person = _open(auditors_file, key, passphrase_file)
    request = trailfile.decode(personfile.read(request_file), made_for)
    trailfile.signers(request, made_for)
    trailfile.blind_of(request, person, made_for, nik=number())
    signed = trailfile.sign(request, person, made_for)
    personfile.write_new(out, trailfile.encode(signed, made_for), secret=True)
    _report(signed, made_for, out, json=json, next_step="one of you runs padan-audit subject open")


@app.command("open")
def open_(
    request_file: RequestFile,
    *,
    auditors_file: AuditorsFile,
    key: KeyFile,
    out: Out,
    passphrase_file: PassphraseFile = None,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    tls_key: TlsKey = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Ask the service for what names the resident in the log; it logs that before it answers, and answers once."""
    made_for, person = _open(auditors_file, key, passphrase_file)
    request = trailfile.decode(personfile.read(request_file), made_for)
    trailfile.signers(request, made_for)
    nik = number()
    blind = trailfile.blind_of(request, person, made_for, nik=nik)
    if out.exists():  # the service answers once
        raise CommandError(
            f"{out}: there is a file already", next_step="name another file", code=ExitCode.INPUT
        )
    with _client(
        address=address, ca=ca, cert=cert, key=tls_key, server_name=server_name, timeout=timeout
    ) as client:
        handles = client.open_trail(trailfile.message(request, nik=nik, blind=blind))
    opened = trailfile.answered(request, handles, made_for)
    personfile.write_new(out, trailfile.encode(opened, made_for), secret=True)
    _report(opened, made_for, out, json=json, next_step="another auditor runs padan-audit subject part")


@app.command()
def part(
    request_file: RequestFile,
    *,
    auditors_file: AuditorsFile,
    key: KeyFile,
    share: ShareFile,
    out: Out,
    from_time: Annotated[
        datetime | None,
        typer.Option("--from", formats=_TIMES, help="Only periods with entries from this log time on, UTC."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, help="Only periods with entries before this log time, UTC."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Give them without a question: this cannot be taken back.")
    ] = False,
    entries: EntriesFile = None,
    copy: CopyFolder = None,
    policy: CopyPolicy = None,
    passphrase_file: PassphraseFile = None,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    tls_key: TlsKey = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Give your part of every period's key, with proofs; it opens nothing without the others' parts and the handles.

    Whoever gets the part opens these periods from then on without you, for any resident whose handles they have: limit
    it to the time that the resident asks about. What would be given is shown first.
    """
    asked = _span(from_time, until)
    made_for, person = _open(auditors_file, key, phrase := _phrase(passphrase_file))
    request = trailfile.decode(personfile.read(request_file), made_for)
    names = trailfile.signers(request, made_for)
    if person.card.name not in names:
        raise CommandError(
            f"{person.card.name} has not signed this request",
            next_step="sign it first, with padan-audit subject sign",
            code=ExitCode.REFUSED,
        )
    with _local(entries, copy, policy) or _client(
        address=address, ca=ca, cert=cert, key=tls_key, server_name=server_name, timeout=timeout
    ) as opened:
        source = ServiceEntries(opened) if isinstance(opened, AuditClient) else opened
        needed = span.needed(source, made_for, asked)
    _agree(needed, asked, yes=yes)
    elements = [each.element for each in needed.envelopes]
    with keyfile.open_share(personfile.read(share), phrase, key=made_for, name=person.card.name) as own:
        data = partfile.part(request, person, own, made_for, elements, span=asked)
    personfile.write_new(out, data, secret=True)
    told.tell_part(out, needed, asked, auditor=person.card.name, json=json)


@app.command()
def report(
    request_file: RequestFile,
    parts: Annotated[list[Path], typer.Argument(metavar="PART...", help="The other auditors' parts.")],
    *,
    auditors_file: AuditorsFile,
    key: KeyFile,
    share: ShareFile,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the answer, new: answer.pdf, answer.csv, answer.json.")
    ],
    lifted: Annotated[
        list[str] | None,
        typer.Option(
            "--lifted", help="An article under which disclosure was delayed and is no longer; repeatable."
        ),
    ] = None,
    entries: EntriesFile = None,
    copy: CopyFolder = None,
    policy: CopyPolicy = None,
    passphrase_file: PassphraseFile = None,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    tls_key: TlsKey = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Join the parts, find the resident's entries, and write the answer as PDF in Indonesian and English, CSV and JSON.

    Ends with exit code 1 if periods could not be opened, so that the answer is not complete.
    """
    made_for, person = _open(auditors_file, key, phrase := _phrase(passphrase_file))
    request = trailfile.decode(personfile.read(request_file), made_for)
    handles = trailfile.handles_of(request, person, made_for)
    others = partfile.read_parts(map(personfile.read, parts), request, person, made_for)
    asked = span.common(each.span for each in others)
    given = {each.number: each.pairs for each in others}
    with _local(entries, copy, policy) or _client(
        address=address, ca=ca, cert=cert, key=tls_key, server_name=server_name, timeout=timeout
    ) as opened:
        source = ServiceEntries(opened) if isinstance(opened, AuditClient) else opened
        found, foreign = search.envelopes(source, made_for)
        with keyfile.open_share(personfile.read(share), phrase, key=made_for, name=person.card.name) as own:
            given[own.number] = partfile.own_part(own, found)
        keys = _join(given, found, made_for)
        looked = search.Search(keys, handles)
        wipe(*keys.values())
        made = answer.make(
            looked.find(span.Within(source, asked)),
            request.opening,
            registry=made_for.place.registry_id,
            made=datetime.now(UTC),
            lifted=lifted or (),
            covers=asked,
        )
    told.write(out, made)
    told.tell(made, looked.tally, out, opened=len(keys), foreign=foreign, json=json)
    if looked.tally.unopened:
        raise SystemExit(ExitCode.NO)


def _open(auditors_file: Path, key: Path, phrase: Path | str | None) -> tuple[AuditorsKey, Person]:
    made_for = auditors.decode(personfile.read(auditors_file))
    spoken = phrase if isinstance(phrase, str) else passphrase(phrase)
    person = personfile.open_private(personfile.read(key), spoken)
    made_for.number(person.card.name)
    return made_for, person


def _span(since: datetime | None, until: datetime | None) -> Span:
    bounds = [None if at is None else int(at.replace(tzinfo=UTC).timestamp() * 1000) for at in (since, until)]
    try:
        return span.Span(since=bounds[0], until=bounds[1])
    except ValueError as error:
        raise CommandError(
            f"--from and --until: {error}", next_step="give both in UTC, --from first", code=ExitCode.INPUT
        ) from None


def _agree(needed: Needed, asked: Span, *, yes: bool) -> None:
    """Show which periods would be given, and ask."""
    if not needed.envelopes:
        raise CommandError(
            f"no period has an entry about anybody {asked}",
            next_step="look at --from and --until, and at the entries that the service shows you",
            code=ExitCode.INPUT,
        )
    told.tell_needed(needed, asked)
    if not yes and not typer.confirm("Give your part of them?", default=False, err=True):
        raise CommandError(
            "nothing was given", next_step="limit it with --from and --until", code=ExitCode.REFUSED
        )


def _phrase(source: Path | None) -> str:
    return passphrase(source)


def _join(
    given: Mapping[int, Mapping[bytes, bytes]], found: list[envelope.Envelope], key: AuditorsKey
) -> dict[bytes, bytearray]:
    """Join the parts of each envelope that enough auditors have opened: period ids to period keys."""
    keys: dict[bytes, bytearray] = {}
    for each in found:
        shared = partfile.fold(given, each.element, key.threshold)
        if shared is not None:
            keys[each.period_id] = envelope.unseal(each, shared, key=key)
            wipe(shared)
    if found and not keys:
        raise CommandError(
            f"no period could be opened: it takes the parts of {key.threshold} auditors for each",
            next_step="give the parts that padan-audit subject part wrote over the same log",
            code=ExitCode.REFUSED,
        )
    return keys


def _local(
    file: Path | None, copy: Path | None, policy: Path | None
) -> contextlib.AbstractContextManager[Entries] | None:
    """Open the auditor's own entries; None where the service is to be asked."""
    if file is not None:
        return contextlib.nullcontext(FileEntries(file))
    if copy is None:
        return None
    if policy is None:
        raise CommandError(
            "a copy is believed under a policy", next_step="name it with --policy", code=ExitCode.INPUT
        )
    rules = belief.load_policy(policy)
    return contextlib.nullcontext(CopyEntries(open_copy(copy), rules, last_trusted(copy, None, rules)))


def _client(
    *,
    address: str | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
    server_name: str | None,
    timeout: float | None,
) -> AuditClient:
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout, audit=True
    )
    return open_client(link, timeout)


def _report(request: Request, key: AuditorsKey, out: Path, *, json: bool, next_step: str) -> None:
    opening, names = request.opening, trailfile.signers(request, key)
    due = datetime.fromtimestamp(opening.received, tz=UTC) + answer.LIMIT
    shown: dict[str, Any] = {
        "file": str(out),
        "request": opening.request_id.hex(),
        "reason": opening.reason,
        "mandate": opening.mandate,
        "received": times.text(datetime.fromtimestamp(opening.received, tz=UTC)),
        "due": times.text(due),
        "overdue": datetime.now(UTC) > due,
        "signed_by": names,
        "expires": times.text(datetime.fromtimestamp(request.proposal.expires, tz=UTC)),
        "opened": bool(request.handles),
    }
    if json:
        print_json(shown)
        return
    overdue = "; OVERDUE" if shown["overdue"] else ""
    typer.echo(f"request {shown['request']}: {opening.reason} ({opening.mandate})")
    typer.echo(f"asked {shown['received']}, due {shown['due']} (3 x 24 h){overdue}")
    typer.echo(f"signed by {', '.join(names)}; {trail.NEEDED} must sign\n{out}: {next_step}")
