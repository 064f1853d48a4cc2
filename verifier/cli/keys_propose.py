"""Commands by which a custodian proposes a change of the keyring, for others to approve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keys import custodian, keyceremony
from keys.keychange import Action, Change
from keys.purpose import is_known, parse
from keys.roster import Custodian, Roster
from padan.cli.console import CommandError, ExitCode, new_app
from verifier.agreement.errors import AgreementSignatureError
from verifier.agreement.sign import public_key
from verifier.cli import council, domain_end
from verifier.cli.authority import read_input
from verifier.cli.custody_choice import CHOICE
from verifier.cli.domain_end import DomainOf, Told, telling
from verifier.cli.keys_ceremony import AsJson, Key, KeyKek
from verifier.cli.keyset_name import PurposeOf
from verifier.cli.place import Place, given, placed
from verifier.rotation.inner_keys import INNER_PURPOSES
from verifier.rotation.translation import OUTER_PURPOSES
from verifier.token import standing
from verifier.token.tables import TOKEN_PURPOSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.purpose import KeysetName

app = new_app("propose", summary="Propose a change of the keyring, for other custodians to approve.")

KeyId = Annotated[
    int, typer.Argument(min=1, max=2**32 - 1, help="The key's id, as padan-keys status shows it.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="The proposal's file, new; or say --server.", show_default=False)
]
Days = Annotated[int, typer.Option("--days", min=1, max=30, help="How long it may be executed.")]
_DAYS = keyceremony.SECONDS // 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every proposal is made with: whose key signs it, the file that it goes into, how long it lives."""

    key: Path
    key_kek: str
    out: Path | None
    days: int
    as_json: bool


def _terms(
    *, key: Key, out: Out = None, key_kek: KeyKek = "", days: Days = _DAYS, as_json: AsJson = False
) -> Terms:
    return Terms(key=key, key_kek=key_kek, out=out, days=days, as_json=as_json)


proposing = given("terms", _terms)


@app.command()
@placed
@proposing
def create(
    *,
    purpose: PurposeOf,
    terms: Terms,
    place: Place,
) -> None:
    """Propose a new key; it is pre-active and does nothing until it is activated."""
    change = Change(action=Action.CREATE, purpose=purpose)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def activate(
    *,
    purpose: PurposeOf,
    key_id: KeyId,
    primary: Annotated[
        bool, typer.Option("--primary", help="Let the key make whatever is made from then on.")
    ] = False,
    terms: Terms,
    place: Place,
) -> None:
    """Propose to activate a pre-active key; the first active key of a purpose becomes primary by itself."""
    change = Change(action=Action.ACTIVATE, purpose=purpose, key_id=key_id, primary=primary)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def rotate(
    *,
    purpose: PurposeOf,
    terms: Terms,
    place: Place,
) -> None:
    """Propose a new primary key in the place of the present one, for replay, feed and signing keys."""
    change = Change(action=Action.ROTATE, purpose=purpose)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def deactivate(
    *,
    purpose: PurposeOf,
    key_id: KeyId,
    terms: Terms,
    place: Place,
) -> None:
    """Propose that an active key make nothing new; it still reads what it made."""
    change = Change(action=Action.DEACTIVATE, purpose=purpose, key_id=key_id)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def destroy(
    *,
    purpose: PurposeOf,
    key_id: KeyId,
    terms: Terms,
    place: Place,
) -> None:
    """Propose to destroy a deactivated, compromised or never used key, and to renew the KEK."""
    change = Change(action=Action.DESTROY, purpose=purpose, key_id=key_id)
    _require_unused(change)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def declare_compromised(
    *,
    purpose: PurposeOf,
    key_id: KeyId,
    reason: Annotated[str, typer.Option("--reason", help="What happened, for the history; no secrets.")],
    terms: Terms,
    place: Place,
) -> None:
    """Propose to declare that others may know a key: it makes nothing new and stops being primary, for good."""
    change = Change(action=Action.COMPROMISE, purpose=purpose, key_id=key_id, text=reason)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def succeed(
    *,
    inner: Annotated[
        bool,
        typer.Option("--inner", help="New inner keys, to which padan-server rotation project moves people."),
    ] = False,
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens", help="New keys behind tokens, to which padan-server token rekey moves rows."
        ),
    ] = False,
    terms: Terms,
    place: Place,
) -> None:
    """Propose new outer keys of the vault beside the present ones; padan-server rotation begin moves the records."""
    if inner and tokens:
        raise CommandError("--inner or --tokens", next_step="make a proposal for each", code=ExitCode.INPUT)
    first, *others = INNER_PURPOSES if inner else TOKEN_PURPOSES if tokens else OUTER_PURPOSES
    change = Change(action=Action.SUCCEED, purpose=first, others=tuple((purpose, 0) for purpose in others))
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def retire(
    *,
    keys: Annotated[
        list[str],
        typer.Argument(metavar="PURPOSE:ID...", help="Keys of different purposes, each with its id."),
    ],
    terms: Terms,
    place: Place,
) -> None:
    """Propose to destroy several keys in one step, also active ones, and to renew the KEK.

    For the outer keys of an epoch that a rotation has left: padan-server rotation finish --agreed FILE does it.
    """
    (purpose, key_id), *others = [_key_of(each) for each in keys]
    change = Change(action=Action.RETIRE, purpose=purpose, key_id=key_id, others=tuple(others))
    _require_unused(change)
    _propose(change, terms, place)


@app.command()
@placed
@telling
@proposing
def end_domain(
    *,
    domain: DomainOf,
    told: Told,
    terms: Terms,
    place: Place,
) -> None:
    """Propose to destroy every key of a token domain whose agreement is over, so that its tokens lead to nobody.

    It may be executed once the period of grace is over. padan-server token status prints the line to type.
    """
    end = domain_end.find(domain, told)
    change = Change(action=Action.END_DOMAIN, purpose=domain, ending=end)
    if end.due >= CHOICE.now().timestamp() + terms.days * 86_400:
        raise CommandError(
            f"the period of grace runs until {end.due_text}, and the proposal would have expired by then",
            next_step="propose it later, or let it live longer: --days, at most 30",
            code=ExitCode.STATE,
        )
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def export(
    *,
    purpose: PurposeOf,
    key_id: KeyId,
    to: Annotated[
        str, typer.Option("--to", help="The file of the key in the clear, as export-secret names it.")
    ],
    terms: Terms,
    place: Place,
) -> None:
    """Propose that one key leave in the clear; padan-keys export-secret --agreed FILE does it."""
    change = Change(action=Action.EXPORT, purpose=purpose, key_id=key_id, text=to)
    _propose(change, terms, place)


@app.command()
@placed
@proposing
def roster(
    *,
    threshold: Annotated[
        int, typer.Option("--threshold", min=2, max=16, help="How many custodians must agree from then on.")
    ],
    custodians: Annotated[
        list[str],
        typer.Option(
            "--custodian",
            help="NAME of one who decides now, or NAME=FILE: the .pub file of roster keygen, or where they hold shares "
            "of the KEK the card of roster join; once for each custodian.",
        ),
    ],
    terms: Terms,
    place: Place,
) -> None:
    """Propose who decides together about the keyring from then on; everybody who is new on it signs too."""
    standing = place.table().sitting.register.roster
    present = {each.name: each for each in (standing.custodians if standing is not None else ())}
    chosen = sorted((_custodian(each, present) for each in custodians), key=lambda each: each.name)
    made = Roster(threshold=threshold, custodians=tuple(chosen))
    _propose(made, terms, place)


def _require_unused(change: Change) -> None:
    """See that no row stands under keys that are to go, where the server's settings say where rows are."""
    chosen = CHOICE.settings()
    if chosen is not None:
        standing.require_unused(chosen, change.keys)


def _key_of(text: str) -> tuple[KeysetName, int]:
    purpose, _, key_id = text.partition(":")
    if not is_known(purpose) or not key_id.isdecimal():
        raise CommandError(
            f"{text}: not PURPOSE:ID", next_step="write purpose and id as padan-keys status shows them"
        )
    return parse(purpose), int(key_id)


def _custodian(text: str, present: Mapping[str, Custodian]) -> Custodian:
    """Read NAME, for one who decides now, or NAME=FILE, for a public key or a card."""
    name, equals, path = text.partition("=")
    if not equals:
        if name not in present:
            raise CommandError(
                f"--custodian {text}: nobody of this name decides now",
                next_step="write NAME=FILE, with the .pub file of roster keygen or the card of roster join",
            )
        return present[name]
    data = read_input(Path(path))
    card = custodian.read_card(data)
    if card is not None:
        if card.name != name:
            raise CommandError(
                f"{path}: the card of {card.name}, not of {name}", next_step="name the right card"
            )
        return Custodian(name=name, public_key=card.signing, sealing_key=card.sealing)
    try:
        return Custodian(name=name, public_key=public_key(data.decode(errors="replace").strip()))
    except AgreementSignatureError as error:
        raise CommandError(
            f"{path}: {error}", next_step="name the .pub file of roster keygen or the card of roster join"
        ) from error


def _propose(what: Change | Roster, terms: Terms, place: Place) -> None:
    """See that the change is a legal one now, sign the proposal as its proposer, and put it where it lies."""
    place.require_new(terms.out)
    at = place.table()
    signer = council.open_key(terms.key, terms.key_kek)
    file = keyceremony.propose(at.sitting, what, signer, seconds=terms.days * 86_400)
    found = council.review(at, file)
    file = place.keep(at, terms.out, file)
    council.show(at, file, as_json=terms.as_json)
    if not terms.as_json:
        named = place.words(at, terms.out, file)
        typer.echo(
            f"next:     {found.standing.missing} more custodians run padan-keys approve {named} --key KEY"
        )


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app)
