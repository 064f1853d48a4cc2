"""`padan info`: what the agency may ask."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import times
from padan.cli import connection
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName, Timeout
from padan.cli.console import print_json

if TYPE_CHECKING:
    from padan.info import Agreement, Purpose, ServiceInfo, TokenDomain


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("info")(info)


def info(
    *,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    jwks: Annotated[
        bool, typer.Option("--jwks", help="Print only the keys that sign receipts, as a JWK Set.")
    ] = False,
    policy: Annotated[
        bool,
        typer.Option(
            "--policy", help="Print only a policy that believes the log's own signature, for proofs."
        ),
    ] = False,
    codes: Annotated[bool, typer.Option("--codes", help="Print the code lists too.")] = False,
    json: Json = False,
) -> None:
    """Show purposes, attributes, anchors, limits and code lists that the service grants to this agency."""
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    with link.client() as client:
        found = client.service_info()
    if jwks:
        print_json(found.jwks())
    elif policy:
        typer.echo("".join(f"log {key}\n" for key in found.log_keys()) + "quorum none")
    elif json:
        print_json(_plain(_content(found)))
    else:
        _show(found, codes=codes)


def _content(found: ServiceInfo) -> dict[str, Any]:
    domains = [asdict(domain) for domain in found.token_domains]
    return asdict(found) | {"log_keys": found.log_keys(), "token_domains": domains}


def _plain(value: Any) -> Any:
    """Make a value of JSON's kinds."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return times.text(value)
    return value.hex() if isinstance(value, bytes) else value


def _show(found: ServiceInfo, *, codes: bool) -> None:
    typer.echo(f"registry     {found.registry_id} ({found.environment}, {found.role})")
    typer.echo(f"service      {found.service_version}, normaliser {found.normaliser_version}")
    typer.echo(f"time         {times.text(found.time)}")
    if found.agency_id:
        typer.echo(f"you are      {found.agency_id}")
    for epoch in found.epochs:
        if epoch.active:
            typer.echo(f"data         epoch {epoch.number}, as of {times.text(epoch.as_of)}")
    if found.feed_age_seconds is not None:
        typer.echo(f"age          {times.span(found.feed_age_seconds)}")
    for key in found.log_keys():
        typer.echo(f"log          {key}")
    probe_key = found.key("probe")
    if probe_key is not None:
        until = f", until {times.text(probe_key.not_after)}" if probe_key.not_after else ""
        typer.echo(f"captures     sealed to {probe_key.key_id}{until}")
    _show_agreement(found.agreement)
    for domain in found.token_domains:
        typer.echo(f"tokens       {domain.name}, {_versions(domain)}")
    for code_list in found.code_lists if codes else ():
        typer.echo(f"codes        {code_list.attribute}: list {code_list.name}, version {code_list.version}")
        for code in code_list.codes:
            aliases = f" (also {', '.join(code.aliases)})" if code.aliases else ""
            typer.echo(f"  {code.code:>4}  {code.label}{aliases}")


def _show_agreement(granted: Agreement | None) -> None:
    if granted is None:
        typer.echo("agreement    none in force")
    else:
        typer.echo(
            f"agreement    {granted.agreement_id}@{granted.version}, until {times.text(granted.valid_until)}"
        )
        typer.echo(f"quota        {granted.daily_quota} calls a day")
        if granted.dispute_hours:
            typer.echo(
                f"disputes     {granted.dispute_contact}, resolved within {granted.dispute_hours} hours"
            )
        for purpose in granted.purposes:
            _show_purpose(purpose)


def _versions(domain: TokenDomain) -> str:
    if not domain.versions:
        return "no version yet: the registry has made no key for it"
    return ", ".join(
        f"version {version.number}" + (f" until {times.text(version.not_after)}" if version.not_after else "")
        for version in domain.versions
    )


def _show_purpose(purpose: Purpose) -> None:
    typer.echo(f"purpose      {purpose.code} ({purpose.lawful_use})")
    typer.echo(f"  attributes   {', '.join(purpose.attributes)}")
    typer.echo(f"  anchors      {', '.join(purpose.anchors)}")
    typer.echo(f"  legal bases  {', '.join(purpose.legal_bases)}")
    typer.echo(f"  answer       {purpose.answer_form}, names compared {purpose.profile}")
    typer.echo(f"  budget       {purpose.subject_budget} failed guesses about a resident a day")
    if purpose.ages:
        typer.echo(f"  ages         {', '.join(map(str, purpose.ages))}")
    if purpose.region_levels:
        typer.echo(f"  regions      codes of {', '.join(map(str, purpose.region_levels))} digits")
    if purpose.token_domain:
        typer.echo(f"  tokens       of the domain {purpose.token_domain}")
    if purpose.assurance_level:
        device = ", signed by a registered device" if purpose.require_device else ""
        attack = ", presentation attack looked for" if purpose.presentation_attack == "none_found" else ""
        typer.echo(f"  captures     of level {purpose.assurance_level}{device}{attack}")
    for each in purpose.enrolments:
        may = ", ".join(word for word, given in (("enrol", each.enrol), ("ask", each.ask)) if given)
        typer.echo(f"  enrolments   in {each.category}: {may or 'lists alone'}; lists bring {each.lists}")
    if purpose.conversions:
        typer.echo(f"  conversion   to {', '.join(purpose.conversions)}")
    if purpose.converted_from:
        typer.echo(f"  conversion   from {', '.join(purpose.converted_from)}")
