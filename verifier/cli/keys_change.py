"""Commands that move keys through their states; each is one write of the keyring and its lines of history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from keys import summary
from keys.keychange import Action, Change
from keys.purpose import Purpose
from padan.cli.console import CommandError, ExitCode, print_json
from verifier.cli import domain_end, log_key
from verifier.cli.custody_choice import CHOICE
from verifier.cli.domain_end import DomainOf
from verifier.cli.keyset_name import PurposeOf
from verifier.token import ending, standing

if TYPE_CHECKING:
    from keys.keyset import Keyring
    from keys.purpose import KeysetName

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
KeyId = Annotated[
    int, typer.Argument(min=1, max=2**32 - 1, help="The key's id, as padan-keys status shows it.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: this cannot be taken back.")]


def create(purpose: PurposeOf, as_json: AsJson = False) -> None:
    """Make a new key; it is pre-active and does nothing until it is activated."""
    ring, key_id = CHOICE.custody().add(purpose)
    _report(ring, purpose, key_id, as_json=as_json)


def activate(
    purpose: PurposeOf,
    key_id: KeyId,
    primary: Annotated[
        bool,
        typer.Option(
            "--primary", help="Let the key make whatever is made from now on, such as the next epoch."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Activate a pre-active key; the first active key of a purpose becomes primary by itself."""
    ring = CHOICE.custody().activate(purpose, key_id, primary=primary)
    _report(ring, purpose, key_id, as_json=as_json)


def deactivate(purpose: PurposeOf, key_id: KeyId, as_json: AsJson = False) -> None:
    """Let an active key make nothing new; it still reads what it made."""
    ring = CHOICE.custody().deactivate(purpose, key_id)
    _report(ring, purpose, key_id, as_json=as_json)


def rotate(purpose: PurposeOf, as_json: AsJson = False) -> None:
    """Put a new primary key in the place of the present one, for token domains and tags, replay, feed and signing keys.

    What the old key made stays readable, and what it signed verifies. Running servers follow within seconds. The first
    key of a token domain is made so too. The log's old key signs beside the new one until it is deactivated.
    """
    ring, key_id = CHOICE.custody().rotate(purpose)
    _report(ring, purpose, key_id, as_json=as_json)
    if purpose is Purpose.LOG_SIGNING and not as_json:
        log_key.tell(ring)


def declare_compromised(
    purpose: PurposeOf,
    key_id: KeyId,
    reason: Annotated[str, typer.Option("--reason", help="What happened, for the history; no secrets.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Declare that a key may be known to others: it makes nothing new and stops being primary, for good."""
    _confirm(f"declare the {purpose} key {key_id} compromised", yes=yes)
    ring = CHOICE.custody().compromise(purpose, key_id, reason=reason)
    _report(ring, purpose, key_id, as_json=as_json)


def destroy(purpose: PurposeOf, key_id: KeyId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Destroy a deactivated, compromised or never used key, and renew the KEK, so that old copies do not give it back.

    What the key protected is lost. A server that has the key in memory has it until it is restarted.
    """
    chosen = CHOICE.settings()
    if chosen is not None:
        standing.require_unused(chosen, [(purpose, key_id)])
    _confirm(f"destroy the {purpose} key {key_id} and whatever it protects", yes=yes)
    ring = CHOICE.custody().destroy(purpose, key_id)
    _report(ring, purpose, key_id, as_json=as_json)


def end_domain(domain: DomainOf, yes: Yes = False, as_json: AsJson = False) -> None:
    """Destroy every key of a token domain whose agreement and period of grace are over, and renew the KEK.

    The agency's tokens lead to nobody any more. Running servers follow within seconds.
    """
    end = ending.find(domain_end.require_directory(), domain.domain, now=CHOICE.now().timestamp())
    end.require_due(CHOICE.now().timestamp())
    change = Change(action=Action.END_DOMAIN, purpose=domain, ending=end)
    typer.echo(f"{summary.english(change).does}", err=True)
    _confirm(f"end the token domain {domain.domain} of {end.agency}", yes=yes)
    ring, _ = CHOICE.custody().alone(change)
    versions = len(ring.keyset(domain).keys)
    if as_json:
        print_json({"domain": domain.domain, **end.details, "versions": versions, "counter": ring.counter})
    else:
        typer.echo(
            f"ended: the token domain {domain.domain}, versions 1 to {versions} (counter {ring.counter})"
        )
        typer.echo(f"next:  {domain_end.RESTART}")


def _confirm(what: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(f"Really {what}? This cannot be taken back.", default=False, err=True):
        raise CommandError(
            "nothing was done", next_step="say --yes to do it without a question", code=ExitCode.REFUSED
        )


def _report(ring: Keyring, purpose: KeysetName, key_id: int, *, as_json: bool) -> None:
    key = ring.key(purpose, key_id)
    primary = ring.keyset(purpose).primary == key_id
    if as_json:
        print_json(
            {
                "purpose": str(purpose),
                "key_id": key_id,
                "state": str(key.state),
                "primary": primary,
                "counter": ring.counter,
            }
        )
    else:
        typer.echo(
            f"{purpose} key {key_id}: {key.state}{', primary' if primary else ''} (counter {ring.counter})"
        )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("create")(create)
    app.command("activate")(activate)
    app.command("deactivate")(deactivate)
    app.command("rotate")(rotate)
    app.command("declare-compromised")(declare_compromised)
    app.command("destroy")(destroy)
    app.command("end-domain")(end_domain)
